import { expect, test } from "vitest";
import { defineLab } from "../../../lib/lab/define-lab.ts";
import type { LabInput } from "../../../lib/lab/schema.ts";
import { planVms } from "../../../lib/lab/vms.ts";
import { decideLeave } from "../../../lib/operations/leaving/decide.ts";
import type { LabState } from "../../../lib/project/state.ts";
import { clusterInput, sentinelInput } from "../../support/labs.ts";

/** What an `up` of a lab leaves behind. */
function stateOf(input: LabInput): Pick<LabState, "members" | "vms"> {
  const lab = defineLab(input);
  return {
    members: lab.hosts.flatMap(({ name, address, instances }) => instances.map(({ port }) => ({ id: `${name}:${port}`, address, port }))),
    vms: Object.fromEntries(
      planVms(lab).vms.map(({ host, vcpus, memoryMiB, hypervisor }) => [
        host,
        { domainId: `id of ${host}`, vcpus, memoryMiB, hypervisor: hypervisor.name },
      ]),
    ),
  };
}

/** The cluster lab without redis-78, or with other hardware on some hosts. */
function changed(hosts: (host: LabInput["hosts"][number]) => LabInput["hosts"][number] | undefined, more: Partial<LabInput> = {}) {
  const input = clusterInput();
  const layout = { ...input.layout, standby: [] } as LabInput["layout"];
  const left = input.hosts.flatMap((host) => hosts(host) ?? []);
  return defineLab(clusterInput({ ...more, hosts: left, ...(left.length < input.hosts.length && { layout }) }));
}
const more = (names: readonly string[]) => (host: LabInput["hosts"][number]) =>
  names.includes(host.name) ? { ...host, memoryMiB: 4096 } : host;
const before = stateOf(clusterInput());

test("a whole destroy changes no definition: every host stays, whatever the target", () => {
  const lab = defineLab(clusterInput());
  for (const target of ["libvirt", "ssh", "local"] as const)
    for (const { name } of lab.hosts) expect(decideLeave(lab, target, before, name)).toEqual({ kind: "stays" });
  expect(decideLeave(lab, "libvirt", { members: [] }, "redis-18")).toEqual({ kind: "stays" });
});

test("other hardware of one host makes its VM again, and leaves the others alone", () => {
  const lab = changed(more(["redis-28"]));
  expect(decideLeave(lab, "libvirt", before, "redis-28")).toEqual({
    kind: "replaced",
    change: { host: "redis-28", kind: "hardware", text: "memoryMiB 2048 → 4096" },
  });
  expect(decideLeave(lab, "libvirt", before, "redis-18")).toEqual({ kind: "stays" });
  // Machines that are given are made again by nobody.
  expect(decideLeave(lab, "ssh", before, "redis-28")).toEqual({ kind: "stays" });
});

test("other hardware of several hosts is refused for each of them", () => {
  const lab = changed(more(["redis-28", "redis-38"]));
  for (const host of ["redis-28", "redis-38"]) {
    const decision = decideLeave(lab, "libvirt", before, host);
    expect(decision.kind === "too-many" && decision.changes.map(({ host: name, text }) => `${name} ${text}`)).toEqual([
      "redis-28 memoryMiB 2048 → 4096",
      "redis-38 memoryMiB 2048 → 4096",
    ]);
  }
  expect(decideLeave(lab, "libvirt", before, "redis-18")).toEqual({ kind: "stays" });
});

test("another size of disk or another image makes no VM again; another hypervisor does", () => {
  const disks = changed((host) => ({ ...host, diskGiB: 99 }), { libvirt: { image: "centos-7-2009" } });
  expect(decideLeave(disks, "libvirt", before, "redis-18")).toEqual({ kind: "stays" });
  const far = ["redis-28", "redis-38", "redis-58"];
  const spread = clusterInput({
    libvirt: { network: { mode: "routed" }, hypervisors: [{ name: "local" }, { name: "kvm-2", uri: "qemu+ssh://root@kvm-2/system" }] },
    hosts: clusterInput().hosts.map((host) => ({ ...host, hypervisor: far.includes(host.name) ? "kvm-2" : "local" })),
  });
  const moved = defineLab(spread);
  const { vms } = stateOf(spread);
  const state = { members: [], vms: { ...vms, "redis-28": { domainId: "x", vcpus: 1, memoryMiB: 2048, hypervisor: "local" } } };
  const change = { host: "redis-28", kind: "hypervisor", text: "hypervisor local → kvm-2" };
  expect(decideLeave(moved, "libvirt", state, "redis-28")).toEqual({ kind: "replaced", change });
  expect(decideLeave(moved, "libvirt", state, "redis-38")).toEqual({ kind: "stays" });
  // Terraform says where the VM is; a computer without a memory of the lab has only that.
  expect(decideLeave(moved, "libvirt", { members: [] }, "redis-28", "local")).toEqual({ kind: "replaced", change });
  expect(decideLeave(moved, "libvirt", { members: [] }, "redis-28", "kvm-2")).toEqual({ kind: "stays" });
});

test("a host that is declared no more leaves with the instances that it had", () => {
  const lab = changed((host) => (host.name === "redis-78" ? undefined : host));
  expect(decideLeave(lab, "libvirt", before, "redis-78")).toEqual({ kind: "gone", instances: ["redis-78:6379", "redis-78:6380"] });
  expect(decideLeave(lab, "local", before, "redis-78").kind).toBe("gone");
  expect(decideLeave(lab, "libvirt", before, "redis-98")).toEqual({ kind: "unknown" });
  expect(decideLeave(defineLab(sentinelInput()), "libvirt", { members: [] }, "redis-78")).toEqual({ kind: "unknown" });
});
