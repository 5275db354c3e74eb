import { Fn } from "cdktf";
import { expect, test } from "vitest";
import { defineLab, numberedHosts } from "../../lib/lab/define-lab.ts";
import { sentinelInput } from "../support/labs.ts";
import { stackOf } from "./support.ts";

/** A host on each of three hypervisors, and a fourth that runs nothing. */
const LAB = defineLab(
  sentinelInput({
    hosts: numberedHosts("192.168.1", [18, 28, 38], {
      18: { hypervisor: "kvm-1" },
      28: { hypervisor: "kvm-2" },
      38: { hypervisor: "kvm-3" },
    }),
    libvirt: {
      hypervisors: [1, 2, 3, 4].map((number) => ({
        name: `kvm-${number}`,
        uri: `qemu+ssh://root@kvm-${number}/system`,
        pool: `pool-${number}`,
      })),
      network: { mode: "bridge", bridge: "br0" },
    },
  }),
);

test("a stack tells what is added to it which hosts it made, and what there is on each hypervisor", () => {
  const { hosts, sites } = stackOf(LAB);
  expect(hosts.map(({ name, address, hypervisor }) => [name, address, hypervisor])).toEqual([
    ["redis-18", "192.168.1.18", "kvm-1"],
    ["redis-28", "192.168.1.28", "kvm-2"],
    ["redis-38", "192.168.1.38", "kvm-3"],
  ]);
  expect(hosts.every(({ name, vm, domainId }) => vm.node.id === name && vm.domainId === domainId)).toBe(true);
  expect(
    sites.map(({ hypervisor, image, network, hosts }) => [hypervisor.pool, image?.node.path, network?.attachment, hosts.length]),
  ).toEqual([
    ...[1, 2, 3].map((number) => [`pool-${number}`, `sentinel/kvm-${number}/BaseImage`, { bridge: "br0" }, 1]),
    ["pool-4", undefined, undefined, 0],
  ]);
});

test("a stack of a lab with a fault has none", () => {
  const { hosts, sites } = stackOf(defineLab({ ...LAB, libvirt: { ...LAB.libvirt, image: "centos-6" } }));
  expect([hosts, sites]).toEqual([[], []]);
});

test.each([
  ["that only Terraform will know", Fn.file("team.pub"), "is a value that only Terraform will know"],
  ["of two lines", "ssh-ed25519 AAAA me\nssh-ed25519 BBBB you", "must be one line"],
])("a key %s is refused by name", (_, publicKey, text) => {
  expect(() => stackOf(LAB, { publicKey })).toThrow(`LabSite "sentinel/kvm-1": publicKey ${text}`);
});
