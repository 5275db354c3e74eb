import { expect, test } from "vitest";
import { LabError } from "../../../lib/error.ts";
import { defineLab } from "../../../lib/lab/define-lab.ts";
import { planVms } from "../../../lib/lab/vms.ts";
import type { DomainStatus } from "../../../lib/libvirt/domains.ts";
import type { Orphan } from "../../../lib/libvirt/orphans.ts";
import { needsAPerson } from "../../../lib/operations/doctor/orphans.ts";
import { checkVms, type VmReadings } from "../../../lib/operations/doctor/vm-checks.ts";
import { clusterInput } from "../../support/labs.ts";

const lab = defineLab(clusterInput());
const [hypervisor] = lab.libvirt.hypervisors;
if (hypervisor === undefined) throw new Error("a lab has a hypervisor");

/** Everything as declared, but for what a test says of some hosts. */
function readings(changes: Readonly<Record<string, Partial<DomainStatus>>> = {}, more: Partial<VmReadings> = {}): VmReadings {
  return {
    statuses: new Map(
      planVms(lab).vms.map(({ host, domainName, vcpus, memoryMiB }) => [
        host,
        { host, domainName, hypervisor: "local", state: "running", id: host, vcpus, memoryMiB, ...changes[host] },
      ]),
    ),
    cloudInit: new Map(),
    orphans: [],
    orphansUnknown: undefined,
    ...more,
  };
}
const brief = (given: VmReadings) =>
  checkVms(lab, given).map(({ check, severity, subject, text }) => `${severity} ${check} ${subject}: ${text}`);

test("VMs that run as declared are no finding", () => {
  expect(checkVms(lab, readings())).toEqual([]);
});

test("a VM that is off or absent is a problem with its command", () => {
  const found = checkVms(lab, readings({ "redis-28": { state: "off" }, "redis-38": { state: "absent" }, "redis-48": { state: "paused" } }));
  expect(found).toEqual([
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
  expect(checkVms(lab, readings({ "redis-28": { memoryMiB: 1024 } }))).toEqual([
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
    what: "No libvirtd answers at qemu:///system.",
    why: "Connection refused.",
    next: "Start it.",
  });
  const dark = { state: "unknown" as const, error };
  const found = checkVms(lab, readings({ "redis-18": dark, "redis-28": dark }));
  expect(found).toEqual([
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
  const cloudInit: VmReadings["cloudInit"] = new Map([
    ["redis-18", { kind: "done" }],
    ["redis-28", { kind: "failed", errors: ["one", "two"] }],
    ["redis-38", { kind: "none" }],
    ["redis-48", { kind: "running" }],
  ]);
  expect(brief(readings({}, { cloudInit }))).toEqual([
    "warning cloud-init redis-28: cloud-init ended with errors: one; two",
    "warning cloud-init redis-48: cloud-init has not come to its end",
  ]);
});

test("what Terraform does not know is named; a VM that runs is left to a person", () => {
  const domain: Orphan = { kind: "domain", hypervisor, name: "cluster-redis-88", id: "x", host: "redis-88", state: "off", volumes: [] };
  const volume: Orphan = { kind: "volume", hypervisor, name: "cluster-redis-18.qcow2", pool: "default", host: "redis-18" };
  const network: Orphan = { kind: "network", hypervisor, name: "cluster", id: "y" };
  const found = checkVms(lab, readings({}, { orphans: [domain, volume, network] }));
  expect(found.map(({ text }) => text)).toEqual([
    "the VM cluster-redis-88 (off) on hypervisor local is unknown to Terraform: the next deploy stumbles over it",
    "the disk default/cluster-redis-18.qcow2 on hypervisor local is unknown to Terraform: the next deploy stumbles over it",
    "the network cluster on hypervisor local is unknown to Terraform: the next deploy stumbles over it",
  ]);
  expect(
    found.every(({ check, severity, next }) => check === "orphans" && severity === "problem" && next?.endsWith("doctor cluster --fix")),
  ).toBe(true);
  expect([domain, volume, network, { ...domain, state: "running" as const }].map(needsAPerson)).toEqual([false, false, false, true]);
});

test("where nobody can tell what is left over, that is a note", () => {
  expect(brief(readings({}, { orphansUnknown: "there is no terraform on the PATH" }))).toEqual([
    "note orphans undefined: what is left over in libvirt can't be told: there is no terraform on the PATH",
  ]);
});
