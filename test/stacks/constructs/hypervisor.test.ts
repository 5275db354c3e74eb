import { TerraformStack } from "cdktf";
import { expect, test } from "vitest";
import { Hypervisor, type HypervisorProps, isLocal } from "../../../stacks/constructs/hypervisor.ts";
import { bareApp } from "../support.ts";

function made(props: HypervisorProps) {
  const hypervisor = new Hypervisor(new TerraformStack(bareApp(), "lab"), "kvm-1", props);
  return { domainType: hypervisor.domainType, warnings: hypervisor.node.metadata.map(({ data }) => String(data)) };
}

const ABSENT = "/dev/absent";
const THERE = "/dev/null";

test("is this computer's libvirt, its pool default, unless told otherwise", () => {
  const { uri, pool, provider } = new Hypervisor(new TerraformStack(bareApp(), "lab"), "kvm-1", { domainType: "kvm" });
  expect([uri, pool, provider.alias]).toEqual(["qemu:///system", "default", "kvm-1"]);
});

test("auto is kvm where this computer has it", () => {
  expect(made({ kvmDevice: THERE })).toEqual({ domainType: "kvm", warnings: [] });
  expect(made({ kvmDevice: THERE, uri: "qemu:///session" })).toEqual({ domainType: "kvm", warnings: [] });
});

test("auto is qemu where it has not, with a warning of what that costs", () => {
  expect(made({ kvmDevice: ABSENT })).toEqual({
    domainType: "qemu",
    warnings: [expect.stringMatching(/There is no KVM on this computer \(\/dev\/absent\).*about ten times slower/)],
  });
  expect(made({ kvmDevice: ABSENT, uri: "qemu:///session" }).domainType).toBe("qemu");
});

test("auto is kvm on another computer, whatever this one has", () => {
  expect(made({ kvmDevice: ABSENT, uri: "qemu+ssh://root@kvm-1/system" })).toEqual({ domainType: "kvm", warnings: [] });
});

test.each(["kvm", "qemu"] as const)("%s is what was said, without looking", (domainType) => {
  expect(made({ domainType, kvmDevice: ABSENT })).toEqual({ domainType, warnings: [] });
});

test.each([
  ["qemu:///system", true],
  ["qemu:///session", true],
  ["qemu+unix:///system?socket=/run/libvirt/libvirt-sock", true],
  ["qemu+ssh:///system", false],
  ["qemu+ssh://kvm-1/system", false],
  ["qemu://kvm-1/system", false],
])("%s is local: %s", (uri, local) => {
  expect(isLocal(uri)).toBe(local);
});
