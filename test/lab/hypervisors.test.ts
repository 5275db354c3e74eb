import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { defineLab, numberedHosts } from "../../lib/lab/define-lab.ts";
import { assignHypervisors, jumpTo } from "../../lib/lab/hypervisors.ts";
import { instancesOf } from "../../lib/lab/instances.ts";
import type { Lab, LabInput } from "../../lib/lab/schema.ts";
import { cluster, sentinel } from "../../stacks/labs.ts";
import { clusterInput, sentinelInput } from "../support/labs.ts";

const BRIDGE = { mode: "bridge", bridge: "br0" } as const;

function onHypervisors(count: number, network: NonNullable<LabInput["libvirt"]>["network"] = BRIDGE): LabInput["libvirt"] {
  return {
    hypervisors: Array.from({ length: count }, (_, index) => ({
      name: `kvm-${index + 1}`,
      uri: `qemu+ssh://root@kvm-${index + 1}/system`,
    })),
    network,
  };
}

function shown(lab: Lab): readonly string[] {
  const { hypervisors } = assignHypervisors(lab);
  return lab.libvirt.hypervisors.map(({ name }) => {
    const hosts = lab.hosts.filter((host) => hypervisors.get(host.name)?.name === name).map((host) => host.name.replace("redis-", ""));
    return `${name}: ${hosts.join(" ")}`;
  });
}

const clusterOn = (count: number, changes: Partial<LabInput> = {}) =>
  defineLab(clusterInput({ libvirt: onHypervisors(count), ...changes }));
const sentinelOn = (count: number, changes: Partial<LabInput> = {}) =>
  defineLab(sentinelInput({ libvirt: onHypervisors(count), ...changes }));
const pinned = (pins: Readonly<Record<string, string>>, input = clusterInput()) => ({
  hosts: input.hosts.map((host) => ({ ...host, ...(pins[host.name] !== undefined && { hypervisor: pins[host.name] }) })),
});

describe("the shipped labs", () => {
  test.each([cluster, sentinel])("$name is on one hypervisor, without a word about it", (lab) => {
    const { hypervisors, warnings, faults } = assignHypervisors(lab);
    expect([...new Set(hypervisors.values())]).toEqual(lab.libvirt.hypervisors);
    expect([hypervisors.size, warnings, faults]).toEqual([lab.hosts.length, [], []]);
  });

  test("on three: every master apart from its replica and from the other masters", () => {
    expect(shown(clusterOn(3))).toEqual(["kvm-1: 18 48 78", "kvm-2: 28 58", "kvm-3: 38 68"]);
    expect(shown(sentinelOn(3))).toEqual(["kvm-1: 18", "kvm-2: 28", "kvm-3: 38"]);
    for (const lab of [clusterOn(3), sentinelOn(3)]) expect(assignHypervisors(lab)).toMatchObject({ warnings: [], faults: [] });
  });

  test("on two: what cannot be avoided is said, with hosts and hypervisor", () => {
    expect(shown(clusterOn(2))).toEqual(["kvm-1: 18 38 68 78", "kvm-2: 28 48 58"]);
    expect(assignHypervisors(clusterOn(2))).toMatchObject({
      warnings: [
        "kvm-1 has 2 of the 3 masters (redis-18, redis-38): without it no majority is left to fail over. No way was found to spread the hosts over 2 hypervisors that avoids it.",
      ],
      faults: [],
    });
    expect(shown(sentinelOn(2))).toEqual(["kvm-1: 18", "kvm-2: 28 38"]);
    expect(assignHypervisors(sentinelOn(2)).warnings).toEqual([
      expect.stringContaining("kvm-2 has 2 of the 3 sentinels (redis-28, redis-38): without it no majority is left to fail over."),
    ]);
  });
});

describe("hosts that name their hypervisor", () => {
  test("stay there, and the others make room", () => {
    const lab = clusterOn(3, pinned({ "redis-18": "kvm-3", "redis-78": "kvm-3" }));
    expect(shown(lab)).toEqual(["kvm-1: 28 48", "kvm-2: 38 58", "kvm-3: 18 68 78"]);
    expect(assignHypervisors(lab)).toMatchObject({ warnings: [], faults: [] });
  });

  test("are at fault for a breach that could be avoided", () => {
    const lab = clusterOn(3, pinned({ "redis-18": "kvm-1", "redis-58": "kvm-1", "redis-68": "kvm-1" }));
    expect(assignHypervisors(lab).faults).toEqual([
      {
        code: "lab.hypervisor-breach",
        at: "hosts[4].hypervisor",
        text: "redis-58 has the replica of a master on redis-18, and both are on kvm-1: they would be lost together. It can be avoided: name another one, or leave the field out",
      },
    ]);
    expect(assignHypervisors(lab).warnings).toEqual([]);
    const majority = clusterOn(3, pinned({ "redis-18": "kvm-1", "redis-38": "kvm-1" }));
    expect(assignHypervisors(majority).faults.map(({ at, text }) => `${at} ${text.split(":")[0]}`)).toEqual([
      "hosts[2].hypervisor kvm-1 has 2 of the 3 masters (redis-18, redis-38)",
    ]);
  });

  test("are not at fault for what no spread avoids", () => {
    const { warnings, faults } = assignHypervisors(clusterOn(2, pinned({ "redis-18": "kvm-2", "redis-28": "kvm-2" })));
    expect([warnings.length, faults]).toEqual([1, []]);
    expect(assignHypervisors(clusterOn(2, pinned({ "redis-18": "kvm-2", "redis-28": "kvm-2", "redis-38": "kvm-2" }))).faults).toHaveLength(
      1,
    );
  });

  test("must name one that there is", () => {
    const { faults, hypervisors } = assignHypervisors(clusterOn(2, pinned({ "redis-38": "kvm-9" })));
    expect(faults).toEqual([
      { code: "lab.unknown-hypervisor", at: "hosts[2].hypervisor", text: 'there is no hypervisor "kvm-9" (known: kvm-1, kvm-2)' },
    ]);
    expect(hypervisors.has("redis-38")).toBe(false);
  });
});

describe("hypervisors", () => {
  const faultsOf = (libvirt: LabInput["libvirt"]) =>
    assignHypervisors(defineLab(clusterInput({ libvirt }))).faults.map(({ code, at }) => `${code} ${at}`);

  test("of one name, or at one place, are refused", () => {
    const [one, other] = [
      { name: "kvm-1", uri: "qemu+ssh://root@a/system" },
      { name: "kvm-1", uri: "qemu+ssh://root@b/system" },
    ];
    expect(faultsOf({ hypervisors: [one, other], network: BRIDGE })).toEqual(["lab.duplicate-hypervisor libvirt.hypervisors"]);
    const twice = [one, { ...one, name: "kvm-2" }];
    expect(faultsOf({ hypervisors: twice, network: BRIDGE })).toEqual(["lab.duplicate-hypervisor libvirt.hypervisors"]);
    const pools = [one, { ...one, name: "kvm-2", pool: "fast" }];
    expect(faultsOf({ hypervisors: pools, network: BRIDGE })).toEqual([]);
    expect(faultsOf({ hypervisors: pools, network: { mode: "routed" } })).toEqual(["lab.duplicate-hypervisor libvirt.hypervisors"]);
  });

  test("with nat can't reach each other, and routed say what they need", () => {
    expect(faultsOf(onHypervisors(2, { mode: "nat" }))).toEqual(["lab.nat-across-hypervisors libvirt.network"]);
    const { warnings, faults } = assignHypervisors(defineLab(clusterInput({ libvirt: onHypervisors(3, { mode: "routed" }) })));
    expect([warnings, faults]).toEqual([[expect.stringContaining("kvm-1, kvm-2, kvm-3 each get a routed network 192.168.1.0/24")], []]);
    const pins = Object.fromEntries(clusterInput().hosts.map(({ name }) => [name, "kvm-2"]));
    const lab = clusterOn(2, { libvirt: onHypervisors(2, { mode: "nat" }), ...pinned(pins) });
    expect(assignHypervisors(lab).faults.map(({ code }) => code)).not.toContain("lab.nat-across-hypervisors");
  });

  test("need a user name over SSH", () => {
    expect(faultsOf({ hypervisors: [{ name: "kvm-1", uri: "qemu+ssh://kvm-1/system?keyfile=/home/me@work/key" }] })).toEqual([
      "lab.hypervisor-without-user libvirt.hypervisors[0].uri",
    ]);
    expect(faultsOf({ hypervisors: [{ name: "kvm-1", uri: "qemu+tcp://kvm-1/system" }] })).toEqual([]);
  });

  test.each<[string, ReturnType<typeof jumpTo>]>([
    ["qemu:///system", {}],
    ["qemu:///session", {}],
    ["qemu+unix:///system?socket=/run/libvirt/libvirt-sock", {}],
    ["qemu+tcp://kvm-1/system", {}],
    ["qemu+tls://root@kvm-1/system", {}],
    ["qemu+ssh://root@kvm-1/system", { jump: "root@kvm-1" }],
    ["qemu+ssh://root@kvm-1.example.org:2222/system?socket=/x", { jump: "root@kvm-1.example.org:2222" }],
    ["qemu+ssh://me@10.0.0.1/system?keyfile=/home/me/.ssh/kvm&sshauth=privkey", { jump: "me@10.0.0.1", jumpKeyFile: "/home/me/.ssh/kvm" }],
    ["qemu+ssh://me@kvm-1?sshauth=privkey&keyfile=~/.ssh/kvm", { jump: "me@kvm-1", jumpKeyFile: "~/.ssh/kvm" }],
    ["qemu+ssh://me@kvm-1/system?keyfile=%2Fkeys%2Fa", { jump: "me@kvm-1", jumpKeyFile: "/keys/a" }],
    ["qemu+ssh://me@kvm-1/system?keyfile=", { jump: "me@kvm-1" }],
  ])("as jump hosts: %s", (uri, jump) => {
    expect(jumpTo({ uri })).toEqual(jump);
  });
});

test("a host has its hypervisor by name, and a host with several instances counts with all of them", () => {
  // Three hosts with a master and the replica of the next one each: a circle, which two hypervisors can't part.
  const circle = defineLab({
    name: "circle",
    network: { cidr: "192.168.1.0/24", loopback: "127.0.1.0/24" },
    hosts: numberedHosts("192.168.1", [2, 3, 4], {
      2: { instances: [6379, 6380] },
      3: { instances: [6379, 6380] },
      4: { instances: [6379, 6380] },
    }),
    layout: {
      kind: "cluster",
      masters: ["redis-2", "redis-3", "redis-4"],
      replicas: { "redis-3:6380": "redis-2", "redis-4:6380": "redis-3", "redis-2:6380": "redis-4" },
    },
    libvirt: onHypervisors(2),
  });
  const { warnings } = assignHypervisors(circle);
  expect(warnings.map((text) => text.split(",")[0])).toEqual([
    "redis-2 has the replica of a master on redis-4",
    "kvm-1 has 2 of the 3 masters (redis-2",
  ]);
});

describe("against every assignment that there is", () => {
  const K = fc.integer({ min: 2, max: 3 });
  /** A lab of up to six hosts with one or two instances each, roles in any order, some hosts pinned. */
  const labs = fc
    .record({
      count: K,
      sizes: fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 3, maxLength: 6 }),
      masters: fc.integer({ min: 3, max: 5 }),
      order: fc.array(fc.nat(), { minLength: 12, maxLength: 12 }),
      followed: fc.array(fc.option(fc.nat()), { minLength: 12, maxLength: 12 }),
      pins: fc.array(fc.option(fc.nat({ max: 2 }), { freq: 3 }), { minLength: 6, maxLength: 6 }),
    })
    .map(({ count, sizes, masters, order, followed, pins }) => {
      const hosts = sizes.map((size, index) => ({
        name: `h-${index}`,
        address: `192.168.1.${index + 2}`,
        instances: Array.from({ length: size }, (_, each) => 6379 + each),
        ...(typeof pins[index] === "number" && { hypervisor: `kvm-${(pins[index] % count) + 1}` }),
      }));
      const ids = hosts.flatMap(({ name, instances }) => instances.map((port) => `${name}:${port}`));
      const shuffled = ids
        .map((id, index) => [order[index] ?? 0, id] as const)
        .sort(([a], [b]) => a - b)
        .map(([, id]) => id);
      const leading = shuffled.slice(0, Math.min(masters, ids.length));
      const others = shuffled.slice(leading.length);
      const replicas = Object.fromEntries(
        others.flatMap((id, index) => {
          const master = followed[index];
          return typeof master === "number" ? [[id, leading[master % leading.length] ?? ""]] : [];
        }),
      );
      return defineLab({
        name: "lab",
        network: { cidr: "192.168.1.0/24", loopback: "127.0.1.0/24" },
        hosts,
        layout: {
          kind: "cluster",
          masters: leading,
          replicas,
          standby: others.filter((id) => replicas[id] === undefined),
          allowReplicaOnSameHost: true,
        },
        libvirt: onHypervisors(count),
      });
    })
    .filter((lab) => lab.layout.kind === "cluster" && lab.layout.masters.length >= 3);

  /** What is wrong with an assignment, in one number: a pair weighs more than all votes. Written down again, from the words of the design. */
  function wrongs(lab: Lab, at: (host: string) => string | undefined): number {
    const instances = instancesOf(lab);
    const pairs = new Set(
      instances.flatMap(({ host, role }) => {
        const master = role.kind === "cluster-replica" ? (role.master.split(":")[0] ?? "") : host;
        return master !== host && at(master) === at(host) ? [[host, master].sort().join()] : [];
      }),
    );
    const masters = instances.filter(({ role }) => role.kind === "cluster-master");
    const surplus = lab.libvirt.hypervisors.map(({ name }) => {
      const here = masters.filter(({ host }) => at(host) === name).length;
      let leave = 0;
      while (masters.length - (here - leave) <= masters.length / 2) leave += 1;
      return leave;
    });
    return pairs.size * 100 + surplus.reduce((sum, each) => sum + each, 0);
  }

  const assigned = (lab: Lab) => {
    const { hypervisors } = assignHypervisors(lab);
    return (host: string) => hypervisors.get(host)?.name;
  };

  function everyAssignment(lab: Lab, fixed: (host: string) => string | undefined): readonly ReadonlyMap<string, string>[] {
    return lab.hosts.reduce<readonly ReadonlyMap<string, string>[]>(
      (before, { name }) =>
        before.flatMap((map) =>
          lab.libvirt.hypervisors
            .filter((each) => [undefined, each.name].includes(fixed(name)))
            .map((each) => new Map([...map, [name, each.name]])),
        ),
      [new Map()],
    );
  }
  const least = (lab: Lab, fixed: (host: string) => string | undefined) =>
    Math.min(...everyAssignment(lab, fixed).map((map) => wrongs(lab, (host) => map.get(host))));
  const pinOf = (lab: Lab) => (host: string) => lab.hosts.find(({ name }) => name === host)?.hypervisor;
  const free = () => undefined;

  test("none has less wrong with it, and pins are kept", () => {
    fc.assert(
      fc.property(labs, (lab) => {
        const at = assigned(lab);
        for (const { name, hypervisor } of lab.hosts) expect([hypervisor ?? at(name)]).toEqual([at(name)]);
        expect(wrongs(lab, at)).toBe(least(lab, pinOf(lab)));
      }),
      { numRuns: 150 },
    );
  });

  test("a breach is a fault where pins alone cause it, else a warning", () => {
    fc.assert(
      fc.property(labs, (lab) => {
        const { warnings, faults } = assignHypervisors(lab);
        const [own, best] = [least(lab, pinOf(lab)), least(lab, free)];
        expect(faults.length > 0).toBe(Math.floor(own / 100) > Math.floor(best / 100) || own % 100 > best % 100);
        expect(warnings.length + faults.length > 0).toBe(own > 0);
        expect(faults.every(({ at }) => /^hosts\[\d\]\.hypervisor$/.test(at))).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  test("a host that is appended moves no other, unless nothing else keeps masters and replicas apart", () => {
    fc.assert(
      fc.property(labs, fc.option(fc.nat()), fc.boolean(), (lab, followed, leads) => {
        if (lab.layout.kind !== "cluster") return;
        const { masters, replicas, standby } = lab.layout;
        const master = masters[(followed ?? 0) % masters.length] ?? "";
        const layout = {
          ...lab.layout,
          ...(leads
            ? { masters: [...masters, "new"] }
            : followed === null
              ? { standby: [...standby, "new"] }
              : { replicas: { ...replicas, new: master } }),
        };
        const larger = defineLab({ ...lab, layout, hosts: [...lab.hosts, { name: "new", address: "192.168.1.100" }] });
        const [before, after] = [assigned(lab), assigned(larger)];
        const kept = least(larger, (host) => (host === "new" ? undefined : before(host)));
        if (kept > least(larger, pinOf(larger))) return;
        for (const { name } of lab.hosts) expect([name, after(name)]).toEqual([name, before(name)]);
      }),
      { numRuns: 150 },
    );
  });

  test("hosts are spread evenly where nothing stands against it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 40 }), fc.integer({ min: 2, max: 6 }), (size, count) => {
        const hosts = Array.from({ length: size }, (_, index) => ({ name: `h-${index}`, address: `192.168.1.${index + 2}` }));
        const [one = "", two = "", three = "", ...others] = hosts.map(({ name }) => name);
        const layout = { kind: "cluster" as const, masters: [one, two, three], standby: others };
        const at = assigned(clusterOn(count, { hosts, layout }));
        const counts = Array.from({ length: count }, (_, index) => hosts.filter(({ name }) => at(name) === `kvm-${index + 1}`).length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

test("a hundred hosts are assigned without a breach, and a second time for nothing", () => {
  const hosts = Array.from({ length: 100 }, (_, index) => ({ name: `h-${index}`, address: `192.168.1.${index + 2}` }));
  const names = hosts.map(({ name }) => name);
  const masters = names.slice(0, 33);
  const replicas = Object.fromEntries(names.slice(33, 99).map((name, index) => [name, masters[index % 33] ?? ""]));
  const lab = clusterOn(5, { hosts, layout: { kind: "cluster", masters, replicas, standby: names.slice(99) } });
  const assignment = assignHypervisors(lab);
  expect(assignment).toMatchObject({ warnings: [], faults: [] });
  expect(assignHypervisors(lab)).toBe(assignment);
  expect(assignHypervisors(defineLab(lab))).toEqual(assignment);
});
