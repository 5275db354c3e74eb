import { expect, test } from "vitest";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { planVms } from "../../lib/lab/vms.ts";
import type { LabState } from "../../lib/project/state.ts";
import { vmChanges } from "../../stacks/vm-changes.ts";
import { sentinelInput } from "../support/labs.ts";

const plan = planVms(defineLab(sentinelInput()));

function former(changes: Readonly<Record<string, Partial<NonNullable<LabState["vms"]>[string]>>> = {}): LabState["vms"] {
  return Object.fromEntries(
    plan.vms.map(({ host, vcpus, memoryMiB, diskGiB, hypervisor }) => [
      host,
      { domainId: host, vcpus, memoryMiB, diskGiB, hypervisor: hypervisor.name, image: plan.image.sha256, ...changes[host] },
    ]),
  );
}

test("nothing was applied, or nothing changed: nothing to say", () => {
  expect(vmChanges("lab", plan, undefined)).toEqual([]);
  expect(vmChanges("lab", plan, {})).toEqual([]);
  expect(vmChanges("lab", plan, former())).toEqual([]);
});

test("a state that remembers the hardware alone says nothing about the rest", () => {
  const vms = Object.fromEntries(plan.vms.map(({ host, vcpus, memoryMiB }) => [host, { domainId: host, vcpus, memoryMiB }]));
  expect(vmChanges("lab", plan, vms)).toEqual([]);
});

test("other hardware replaces a VM; several go host by host", () => {
  expect(vmChanges("lab", plan, former({ "redis-18": { memoryMiB: 1024, vcpus: 2 }, "redis-38": { vcpus: 4 } }))).toEqual([
    "redis-18 (vcpus 2 → 1, memoryMiB 1024 → 2048), redis-38 (vcpus 4 → 1): cdktf deploy replaces the VM of a host whose hardware changed, and refuses more than one at once. Host by host, with its roles handed over: npx redis-lab rebuild lab --rolling",
  ]);
});

test("another disk, image or hypervisor each has its own consequence", () => {
  const changes = vmChanges(
    "lab",
    plan,
    former({ "redis-18": { diskGiB: 10, image: "b".repeat(64) }, "redis-28": { hypervisor: "kvm-2" } }),
  );
  expect(changes).toEqual([
    expect.stringMatching(/^redis-18 \(diskGiB 10 → 20\): cdktf deploy leaves the disks/),
    expect.stringMatching(/^redis-18 \(image b{12} → 284aab2b23d9\): cdktf deploy leaves VMs on the image/),
    expect.stringMatching(/^redis-28 \(hypervisor kvm-2 → local\): cdktf deploy destroys the VM where it is/),
  ]);
});
