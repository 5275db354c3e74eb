import { describe, expect, test } from "vitest";
import { defineLab } from "../../lib/lab/define-lab.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { checkVms, macOf, planVms, vmNetworkView } from "../../lib/lab/vms.ts";
import { cluster, sentinel } from "../../stacks/labs.ts";
import { clusterInput } from "../support/labs.ts";

const IMAGE = { location: "https://example.org/image.qcow2", sha256: "a".repeat(64), user: "debian", osFamily: "debian" } as const;

function faultsOf(changes: Partial<LabInput>): readonly string[] {
  return checkVms(defineLab(clusterInput(changes))).map(({ code, at }) => `${code} ${at}`);
}

describe("the plan", () => {
  test.each([cluster, sentinel])("of the shipped lab $name has a VM of 2 GiB for every host, and no fault", (lab) => {
    expect(checkVms(lab)).toEqual([]);
    const { vms, image, domain, warnings } = planVms(lab);
    expect(vms.map(({ host, address }) => [host, address])).toEqual(lab.hosts.map(({ name, address }) => [name, address]));
    expect(vms.every(({ memoryMiB, diskGiB, vcpus }) => memoryMiB === 2048 && diskGiB === 20 && vcpus === 1)).toBe(true);
    expect([image.user, domain, warnings]).toEqual(["centos", `${lab.name}.internal`, []]);
  });

  test("has the hardware of the host before that of the lab", () => {
    const [first, ...others] = clusterInput().hosts;
    const hosts = [{ ...(first ?? { name: "", address: "" }), vcpus: 4, memoryMiB: 8192, diskGiB: 40 }, ...others];
    const { vms } = planVms(defineLab(clusterInput({ hosts, libvirt: { vcpus: 2, memoryMiB: 4096, diskGiB: 30 } })));
    expect(vms.slice(0, 2).map(({ vcpus, memoryMiB, diskGiB }) => [vcpus, memoryMiB, diskGiB])).toEqual([
      [4, 8192, 40],
      [2, 4096, 30],
    ]);
  });

  test("a MAC address belongs to lab and host, and nothing else", () => {
    expect(macOf("cluster", "redis-18")).toBe("52:54:00:81:b8:c3");
    expect(new Set([...planVms(cluster).vms, ...planVms(sentinel).vms].map(({ mac }) => mac)).size).toBe(10);
  });

  test("is refused with every fault at once", () => {
    const lab = defineLab(clusterInput({ libvirt: { image: "centos-6", memoryMiB: 512 } }));
    expect(() => planVms(lab)).toThrow(/has 8 faults[\s\S]*no known image "centos-6" \(known: centos-7, centos-7-2009\)/);
  });
});

describe("the network", () => {
  const view = (changes: Partial<LabInput>) => {
    const lab = defineLab(clusterInput(changes));
    return vmNetworkView(planVms(lab), lab);
  };

  test("of the lab's own has its first address as gateway and DNS server", () => {
    expect(view({})).toEqual({
      cidr: "192.168.1.0/24",
      prefixLength: 24,
      gateway: "192.168.1.1",
      dns: ["192.168.1.1"],
      domain: "cluster.internal",
    });
    const routed = view({
      network: { cidr: "192.168.1.77/25", loopback: "127.0.1.0/24" },
      libvirt: { network: { mode: "routed", domain: "db.lan" } },
    });
    expect(routed).toEqual({ cidr: "192.168.1.0/25", prefixLength: 25, gateway: "192.168.1.1", dns: ["192.168.1.1"], domain: "db.lan" });
  });

  test("of a bridge has what is declared", () => {
    expect(view({ libvirt: { network: { mode: "bridge", bridge: "br0" } } })).toEqual({
      cidr: "192.168.1.0/24",
      prefixLength: 24,
      dns: [],
      domain: "cluster.internal",
    });
  });
});

describe("faults", () => {
  const three = (...numbers: readonly number[]) => ({
    hosts: numbers.map((number, index) => ({ name: `redis-${index}`, address: `192.168.1.${number}` })),
    layout: { kind: "cluster" as const, masters: ["redis-0", "redis-1", "redis-2"] },
  });

  test("an unknown image", () => {
    expect(faultsOf({ libvirt: { image: "centos-6" } })).toEqual(["lab.unknown-image libvirt.image"]);
  });

  test("less memory than maxmemory", () => {
    expect(faultsOf({ libvirt: { memoryMiB: 1024 } })).toEqual(["lab.maxmemory-too-large libvirt.memoryMiB"]);
    expect(faultsOf({ libvirt: { memoryMiB: 1954 } })).toEqual([]);
  });

  test("a disk smaller than that of the image", () => {
    expect(faultsOf({ libvirt: { diskGiB: 7 } })).toEqual(["lab.disk-too-small libvirt.diskGiB"]);
    const hosts = clusterInput().hosts.map((host, index) => (index === 2 ? { ...host, diskGiB: 4 } : { ...host, diskGiB: 8 }));
    expect(faultsOf({ hosts, libvirt: { diskGiB: 7 } })).toEqual(["lab.disk-too-small hosts[2].diskGiB"]);
    expect(faultsOf({ libvirt: { diskGiB: 3, image: IMAGE } })).toEqual([]);
  });

  test("a host on the hypervisor's own address, which a bridge does not have", () => {
    expect(faultsOf(three(1, 2, 3))).toEqual(["lab.address-of-gateway hosts[0].address"]);
    expect(faultsOf({ ...three(1, 2, 3), libvirt: { network: { mode: "bridge", bridge: "br0" } } })).toEqual([]);
    expect(faultsOf({ ...three(1, 2, 3), libvirt: { network: { mode: "bridge", bridge: "br0", gateway: "192.168.1.3" } } })).toEqual([
      "lab.address-of-gateway hosts[2].address",
    ]);
  });

  test("a gateway outside the network", () => {
    const network = { mode: "bridge", bridge: "br0", gateway: "192.168.2.1" } as const;
    expect(faultsOf({ libvirt: { network } })).toEqual(["lab.gateway-outside-network libvirt.network.gateway"]);
  });

  test("a network that is too small for the provider, which an existing bridge is not", () => {
    // A /30 has two addresses for hosts.
    const small = (libvirt: LabInput["libvirt"]) =>
      faultsOf({
        network: { cidr: "192.168.1.0/30", loopback: "127.0.1.0/24" },
        hosts: [{ name: "redis-0", address: "192.168.1.2", instances: [6379, 6380, 6381], memoryMiB: 4096 }],
        layout: { kind: "cluster", masters: ["redis-0:6379", "redis-0:6380", "redis-0:6381"] },
        libvirt,
      });
    expect(small({})).toEqual(["lab.network-too-small network.cidr"]);
    expect(small({ network: { mode: "bridge", bridge: "br0" } })).toEqual([]);
  });

  test("a full name that is too long for a host", () => {
    const domain = "a-domain-of-fifty-five-characters.in.some.example.local";
    expect(`redis-18.${domain}`).toHaveLength(64);
    expect(faultsOf({ libvirt: { network: { mode: "nat", domain } } })).toEqual([]);
    expect(faultsOf({ libvirt: { network: { mode: "nat", domain: `${domain}s` } } })).toHaveLength(7);
  });

  test("two hosts with the same MAC address", () => {
    // Names found by trying; the addresses differ in 24 bits at most.
    const seen = new Map<string, string>();
    let pair: readonly string[] = [];
    for (let number = 0; pair.length === 0; number += 1) {
      const name = `redis-${number}`;
      const mac = macOf("cluster", name);
      const other = seen.get(mac);
      if (other !== undefined) pair = [other, name];
      seen.set(mac, name);
    }
    const hosts = [...pair, "redis-a"].map((name, index) => ({ name, address: `192.168.1.${index + 2}` }));
    const layout = { kind: "cluster", masters: hosts.map(({ name }) => name) } as const;
    expect(faultsOf({ hosts, layout })).toEqual(["lab.duplicate-mac hosts"]);
  });

  test("a family of operating systems that no table knows is refused with the lab", () => {
    const image = { ...IMAGE, osFamily: "gentoo" as "debian" };
    expect(() => defineLab(clusterInput({ libvirt: { image } }))).toThrow("libvirt.image.osFamily");
  });
});
