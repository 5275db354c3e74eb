import { expect, test } from "vitest";
import { LabError } from "../../../lib/base/error.ts";
import { defineLab } from "../../../lib/lab/define-lab.ts";
import { TARGETS } from "../../../lib/lab/targets.ts";
import { planVms } from "../../../lib/lab/vms.ts";
import type { DomainStatus } from "../../../lib/libvirt/domains.ts";
import type { Orphan } from "../../../lib/libvirt/orphans.ts";
import type { PreflightFinding } from "../../../lib/libvirt/preflight-finding.ts";
import { needsAPerson, planRemoval } from "../../../lib/operations/doctor/orphans.ts";
import type { CloudInitResult } from "../../../lib/operations/vms/cloud-init.ts";
import { clusterInput } from "../../support/labs.ts";
import { findingsIn } from "./examination.ts";

const lab = defineLab(clusterInput());
const [hypervisor] = lab.libvirt.hypervisors;
if (hypervisor === undefined) throw new Error("a lab has a hypervisor");

interface More {
  readonly cloudInit?: ReadonlyMap<string, CloudInitResult>;
  readonly orphans?: readonly Orphan[];
  readonly orphansUnknown?: string;
  readonly missing?: readonly PreflightFinding[];
}

/** Findings where everything is as declared, but for what a test says of some hosts. */
function found(
  changes: Readonly<Record<string, Partial<DomainStatus>>> = {},
  { cloudInit, orphans = [], orphansUnknown, missing = [] }: More = {},
) {
  const vms = planVms(lab).vms.map((vm) => {
    const { host, domainName, vcpus, memoryMiB } = vm;
    const status: DomainStatus = {
      host,
      domainName,
      hypervisor: "local",
      state: "running",
      id: host,
      vcpus,
      memoryMiB,
      ...changes[host],
    };
    return { lab: lab.name, vm, status, cloudInit: cloudInit?.get(host) };
  });
  const hypervisors = {
    lab: lab.name,
    hypervisors: ["local"],
    statuses: vms.map(({ status }) => status),
    orphans,
    orphansUnknown,
    missing,
  };
  return findingsIn({ vms, hypervisors: [hypervisors] }, TARGETS.libvirt);
}
const brief = (more: More) => found({}, more).map(({ check, severity, subject, text }) => `${severity} ${check} ${subject}: ${text}`);

test("VMs that run as declared are no finding", () => {
  expect(found()).toEqual([]);
});

test("a VM that is off or absent is a problem with its command", () => {
  const all = found({ "redis-28": { state: "off" }, "redis-38": { state: "absent" }, "redis-48": { state: "paused" } });
  expect(all).toEqual([
    {
      check: "vm",
      severity: "problem",
      subject: "redis-28",
      text: "its VM cluster-redis-28 is off",
      next: "Run: virsh -c qemu:///system start cluster-redis-28",
    },
    {
      check: "vm",
      severity: "problem",
      subject: "redis-38",
      text: "there is no VM cluster-redis-38",
      next: "Run: npx cdktf deploy cluster",
    },
    expect.objectContaining({ next: "Run: virsh -c qemu:///system resume cluster-redis-48" }),
  ]);
});

test("hardware that is not the declared one is a warning that names the way", () => {
  expect(found({ "redis-28": { memoryMiB: 1024 } })).toEqual([
    {
      check: "hardware",
      severity: "warning",
      subject: "redis-28",
      text: "its VM has 1 CPUs and 1024 MiB; the lab declares 1 and 2048",
      next: "Host by host, data kept: redis-lab rebuild cluster --rolling",
    },
  ]);
});

test("a hypervisor that can't be asked is one finding, with the hosts that it leaves in the dark", () => {
  const error = new LabError({
    code: "libvirt.no-libvirtd",
    kind: "environment",
    what: "No libvirtd answers at qemu:///system.",
    why: "Connection refused.",
    next: "Start it.",
  });
  const dark = { state: "unknown" as const, error };
  const all = found({ "redis-18": dark, "redis-28": dark });
  expect(all).toEqual([
    {
      check: "hypervisor",
      severity: "problem",
      subject: "local",
      text: "No libvirtd answers at qemu:///system. Connection refused. It runs redis-18, redis-28.",
      next: "Start it.",
    },
  ]);
});

test("an end of cloud-init with errors is told, a good one is not", () => {
  const cloudInit: NonNullable<More["cloudInit"]> = new Map([
    ["redis-18", { kind: "done" }],
    ["redis-28", { kind: "failed", errors: ["one", "two"] }],
    ["redis-38", { kind: "none" }],
    ["redis-48", { kind: "running" }],
  ]);
  expect(brief({ cloudInit })).toEqual([
    "warning cloud-init redis-28: cloud-init ended with errors: one; two",
    "warning cloud-init redis-48: cloud-init has not come to its end",
  ]);
});

test("what Terraform does not know is named; a VM that runs is left to a person", () => {
  const free = { hypervisor, usedBy: [], ours: true } as const;
  const [disk, path] = ["cluster-redis-18.qcow2", "/pool/cluster-redis-18.qcow2"];
  const domain: Orphan = { ...free, kind: "domain", name: "cluster-redis-88", id: "x", host: "redis-88", state: "off", volumes: [] };
  const volume: Orphan = { ...free, kind: "volume", name: disk, pool: "default", path, host: "redis-18" };
  const network: Orphan = { ...free, kind: "network", name: "cluster", id: "y", bridge: "virbr1" };
  const all = found({}, { orphans: [domain, volume, network] });
  expect(all.map(({ text }) => text)).toEqual([
    "the VM cluster-redis-88 (off) on hypervisor local is unknown to Terraform: the next deploy stumbles over it",
    "the disk default/cluster-redis-18.qcow2 on hypervisor local is unknown to Terraform: the next deploy stumbles over it",
    "the network cluster on hypervisor local is unknown to Terraform: the next deploy stumbles over it",
  ]);
  expect(
    all.every(({ check, severity, next }) => check === "orphans" && severity === "problem" && next?.endsWith("doctor cluster --fix")),
  ).toBe(true);
  expect([domain, volume, network].map(needsAPerson)).toEqual([undefined, undefined, undefined]);
  // Whatever kind it is: what runs and what it uses, and what another state made.
  for (const each of [domain, volume, network]) {
    expect(needsAPerson({ ...each, usedBy: ["theirs-1", "theirs-2"] })).toBe("in use by theirs-1, theirs-2");
    expect(needsAPerson({ ...each, ours: false })).toContain("not made by the Terraform state of this project");
    const theirs = { ...each, usedBy: ["theirs-1"] };
    // --yes removes what is dead and ours; nothing of others, on a terminal as little as in a script.
    const sets: readonly (readonly Orphan[])[] = [[theirs], [domain, theirs], [volume, { ...each, ours: false }]];
    for (const orphans of sets) {
      const needing = orphans.filter((orphan) => needsAPerson(orphan) !== undefined);
      expect(planRemoval(orphans, true)).toEqual({ those: orphans, kept: [], optionAnswers: false });
      expect(planRemoval(orphans, false)).toEqual({
        those: orphans.filter((each) => !needing.includes(each)),
        kept: needing,
        optionAnswers: true,
      });
    }
    for (const canAsk of [true, false]) expect(planRemoval([each], canAsk)).toEqual({ those: [each], kept: [], optionAnswers: true });
  }
});

test("what a deploy made and is gone is a problem with its way out", () => {
  const missing = [
    { severity: "error", code: "network.absent", what: "The network is gone.", why: "It ends there.", next: "Do this." },
  ] as const;
  expect(found({}, { missing })).toEqual([
    { check: "deployed", severity: "problem", subject: undefined, text: "The network is gone. It ends there", next: "Do this." },
  ]);
});

test("where nobody can tell what is left over, that is a note", () => {
  expect(brief({ orphansUnknown: "there is no terraform on the PATH" })).toEqual([
    "note orphans undefined: what is left over in libvirt is not known: there is no terraform on the PATH",
  ]);
});
