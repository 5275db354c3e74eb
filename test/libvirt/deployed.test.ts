import { describe, expect, test } from "vitest";
import { macOf } from "../../lib/lab/vms.ts";
import { judgeDeployed } from "../../lib/libvirt/deployed.ts";
import type { DomainDefinition } from "../../lib/libvirt/domains.ts";
import { networkXml, readNetwork } from "../../lib/libvirt/networks.ts";
import { describeRepair, planRepairs, type Repair } from "../../lib/libvirt/repair-deployed.ts";
import type { KnownNetwork, KnownVolume, TerraformState } from "../../lib/libvirt/terraform-state.ts";
import type { Plugged } from "../../lib/libvirt/this-computer.ts";
import { readXml } from "../../lib/libvirt/xml.ts";
import { GOOD, POOL, told, wanted } from "./support/facts.ts";

const { lab, hypervisor } = wanted();
const NETWORK: KnownNetwork = {
  id: "11111111-1111-1111-1111-111111111111",
  name: "cluster",
  mode: "nat",
  bridge: "virbr7",
  ranges: ["192.168.1.0/24"],
  domain: "cluster.internal",
  autostart: true,
  hypervisor: "local",
};
const IMAGE = `cluster.base-${"a".repeat(12)}.qcow2`;
const volume = (name: string): KnownVolume => ({
  key: `${POOL}/${name}`,
  name,
  pool: "default",
  size: 1,
  baseKey: undefined,
  hypervisor: "local",
});
const NAMES = [IMAGE, "cluster-redis-18.qcow2", "cluster-redis-18-cloudinit.iso"];
const state = (network: Partial<KnownNetwork> = {}): TerraformState => ({
  kind: "read",
  resources: 9,
  domains: new Map([["a", "cluster-redis-18"]]),
  volumes: NAMES.map(volume),
  networks: new Map([[NETWORK.id, { ...NETWORK, ...network }]]),
});
const there = { id: NETWORK.id, name: "cluster", bridge: "virbr7", mode: "nat", ranges: ["192.168.1.0/24"], active: true };
const running: DomainDefinition = {
  name: "cluster-redis-18",
  id: "a",
  macs: [macOf("cluster", "redis-18")],
  interfaces: [{ network: "cluster", bridge: "virbr7", tap: "vnet3" }],
  disks: [],
  backingFiles: [],
};
const WHOLE = {
  ...GOOD,
  networks: [there],
  volumes: new Map(NAMES.map((name) => [name, `${POOL}/${name}`])),
  running: [running],
  interfaces: new Map([
    ["virbr7", { isBridge: true, master: undefined }],
    ["vnet3", { isBridge: false, master: "virbr7" }],
  ]),
};
const judged = (changes: Partial<typeof GOOD>, terraform = state()) =>
  judgeDeployed({ lab, hypervisor, terraform }, { ...WHOLE, ...changes }).map(({ code, next }) => [code, next]);
const repairs = (changes: Partial<typeof GOOD>, terraform = state()) =>
  planRepairs({ lab, hypervisor, terraform, image: IMAGE }, { ...WHOLE, ...changes });
const without = (...names: readonly string[]) => ({
  volumes: new Map([...WHOLE.volumes].filter(([name]) => !names.includes(name))),
});

test("where all is there nothing is said and nothing is done, nor where Terraform made nothing or can't be asked", () => {
  expect(judged({})).toEqual([]);
  expect(repairs({})).toEqual([]);
  const nothing = { networks: [], volumes: new Map<string, string>(), running: [] };
  for (const terraform of [{ kind: "none" }, { kind: "unreadable", why: "-" }] as const) {
    expect(judged(nothing, terraform)).toEqual([]);
    expect(repairs(nothing, terraform)).toEqual([]);
  }
  // What another hypervisor has is not looked for here.
  expect(judged({ networks: [] }, state({ hypervisor: "kvm-2" }))).toEqual([]);
});

test("preflight is not ready then", () => {
  expect(told({ ...WHOLE, networks: [] }, wanted({}, { terraform: state() }))).toEqual(["error network.absent"]);
});

describe("the network", () => {
  test("that is gone is defined again under the id that Terraform knows", async () => {
    expect(judged({ networks: [] })).toEqual([
      ["network.absent", "npx redis-lab preflight cluster defines it again as it was; then repeat your command."],
    ]);
    expect(repairs({ networks: [] })).toEqual([{ kind: "define-network", network: NETWORK, bridge: "virbr7" }]);
    expect(readNetwork(await readXml(networkXml(NETWORK)))).toEqual({
      id: NETWORK.id,
      name: "cluster",
      bridge: "virbr7",
      mode: "nat",
      ranges: ["192.168.1.0/24"],
    });
  });

  test("whose bridge another one has by now gets a new one", () => {
    const other = { ...there, id: "2", name: "other", ranges: [] };
    expect(repairs({ networks: [other] })).toEqual([{ kind: "define-network", network: NETWORK, bridge: undefined }]);
  });

  test("of a state that says what no network of a lab can be is left alone", () => {
    for (const odd of [{ id: "--all" }, { ranges: ["<ip/>"] }]) {
      const network = { ...NETWORK, ...odd };
      const terraform = { ...state(), networks: new Map([[network.id, network]]) } as TerraformState;
      expect(repairs({ networks: [] }, terraform)).toEqual([]);
    }
  });

  test("of that name with another id is not a case for a repair", () => {
    expect(repairs({ networks: [{ ...there, id: "2" }] })).toEqual([]);
  });

  test("that is not active is started", () => {
    expect(judged({ networks: [{ ...there, active: false }] })).toMatchObject([
      ["network.inactive", expect.stringContaining("virsh -c qemu:///system net-start cluster")],
    ]);
    expect(repairs({ networks: [{ ...there, active: false }] })).toEqual([{ kind: "start-network", name: "cluster", id: NETWORK.id }]);
  });

  test("that was stopped and started has the VMs plugged in again that ran meanwhile", () => {
    const loose = { isBridge: false, master: undefined };
    const bridge = { isBridge: true, master: undefined };
    const interfaces = new Map([
      ["virbr7", bridge],
      ["vnet3", loose],
    ]);
    expect(judged({ interfaces })).toEqual([["network.unplugged", "sudo ip link set vnet3 master virbr7"]]);
    expect(repairs({ interfaces })).toEqual([{ kind: "plug", domain: "cluster-redis-18", tap: "vnet3", bridge: "virbr7" }]);
    // It came back with another bridge than the VMs remember.
    const moved = { networks: [{ ...there, bridge: "virbr8" }], interfaces: new Map([...interfaces, ["virbr8", bridge]]) };
    expect(repairs(moved)).toMatchObject([{ kind: "plug", bridge: "virbr8" }]);
    expect(judged({ interfaces: undefined })).toEqual([]);
    // A person put it elsewhere; and Open vSwitch, whose bridge is none of Linux, has its own way.
    for (const [name, view] of [
      ["vnet3", { isBridge: false, master: "br-mirror" }],
      ["virbr7", { isBridge: false, master: undefined }],
    ] as const)
      expect(judged({ interfaces: new Map<string, Plugged>([...interfaces, [name, view]]) })).toEqual([]);
  });
});

describe("volumes", () => {
  test("a disk or a cloud-init disk that is gone takes the VM with it, by commands that are said", () => {
    for (const name of NAMES.slice(1))
      expect(judged(without(name))).toEqual([
        [
          "volume.absent",
          "Give up the VM, and deploy makes it again: virsh -c qemu:///system destroy cluster-redis-18; virsh -c qemu:///system undefine cluster-redis-18 --managed-save --snapshots-metadata --nvram; npx cdktf deploy cluster",
        ],
      ]);
    expect(repairs(without(...NAMES.slice(1)))).toEqual([]);
  });

  test("the image that is gone is uploaded again where it is the one that the lab declares", () => {
    expect(judged(without(IMAGE)).map(([code]) => code)).toEqual(["image.volume-absent"]);
    expect(repairs(without(IMAGE))).toEqual([{ kind: "upload-image", pool: "default", name: IMAGE }]);
    expect(planRepairs({ lab, hypervisor, terraform: state(), image: "cluster.base-0.qcow2" }, { ...WHOLE, ...without(IMAGE) })).toEqual(
      [],
    );
  });

  test("nothing is missed in a pool that can't be looked at", () => {
    expect(judged({ pool: { ...GOOD.pool!, active: false }, volumes: new Map() })).toEqual([]);
    expect(judged({ pool: undefined, volumes: new Map() })).toEqual([]);
  });
});

test("every repair has its words", () => {
  const all: readonly Repair[] = [
    { kind: "define-network", network: NETWORK, bridge: undefined },
    { kind: "start-network", name: "cluster", id: NETWORK.id },
    { kind: "plug", domain: "cluster-redis-18", tap: "vnet3", bridge: "virbr7" },
    { kind: "upload-image", pool: "default", name: IMAGE },
  ];
  expect(all.map((each) => describeRepair(each, "wanted"))).toEqual([
    "define the network cluster again",
    "start the network cluster",
    "plug cluster-redis-18 into virbr7 again",
    `upload the image ${IMAGE} again`,
  ]);
  expect(all.map((each) => describeRepair(each, "done"))).toEqual([
    "defined the network cluster again",
    "started the network cluster",
    "plugged cluster-redis-18 into virbr7 again",
    `uploaded the image ${IMAGE} again`,
  ]);
});
