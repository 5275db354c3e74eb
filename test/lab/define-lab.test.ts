import { describe, expect, test } from "vitest";
import { defineLab, numberedHosts } from "../../lib/lab/define-lab.ts";
import { InvalidLabError } from "../../lib/lab/errors.ts";
import { instancesOf } from "../../lib/lab/instances.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { clusterInput, sentinelInput } from "../support/labs.ts";

function faultsOf(input: LabInput): readonly { readonly code: string; readonly at: string; readonly text: string }[] {
  try {
    defineLab(input);
  } catch (error) {
    if (error instanceof InvalidLabError) return error.faults;
    throw error;
  }
  return [];
}

const layoutOf = (changes: Record<string, unknown>) => ({ ...clusterInput().layout, ...changes }) as LabInput["layout"];
const monitor = (changes: Record<string, unknown> = {}) => ({
  name: "mymaster",
  master: "redis-18",
  replicas: ["redis-28", "redis-38"],
  ...changes,
});
const sentinelLayout = (changes: Record<string, unknown>) => ({ ...sentinelInput().layout, ...changes }) as LabInput["layout"];

describe("a lab", () => {
  test("gets its defaults", () => {
    const lab = defineLab(clusterInput());
    expect(lab.redis).toMatchObject({
      version: "4.0.14",
      prefix: "/apps/redis",
      source: { kind: "release", mirrors: [] },
      makeFlags: [],
      settings: {},
    });
    expect(lab.os).toMatchObject({
      user: "redis",
      transparentHugepages: "never",
      sysctl: { "net.core.somaxconn": 512, "vm.overcommit_memory": 1 },
      openFirewall: true,
    });
    expect(lab.layout).toMatchObject({ nodeTimeoutMs: 15_000, allowReplicaOnSameHost: false });
    expect(lab.hosts[0]?.instances).toEqual([{ port: 6379, settings: {} }]);
  });

  test("is a valid definition again, so that another environment is a few differing lines", () => {
    const lab = defineLab(clusterInput());
    expect(defineLab(lab)).toEqual(lab);
    const staging = defineLab({
      ...lab,
      name: "staging",
      network: { cidr: "192.168.2.0/24", loopback: "127.0.3.0/24" },
      hosts: numberedHosts("192.168.2", [18, 28, 38, 48, 58, 68, 78], { 78: { instances: [6379, 6380] } }),
    });
    expect(staging.layout).toEqual(lab.layout);
  });

  test("may name any package that a distribution has, capitals and underscores too", () => {
    const operatorPackages = ["NetworkManager-tui", "GeoIP", "ImageMagick", "gcc-c++", "mod_ssl", "java-1.8.0-openjdk"];
    expect(defineLab(clusterInput({ os: { operatorPackages } })).os.operatorPackages).toEqual(operatorPackages);
    for (const bad of ["-x", "_x", "a b", "a;b", "@group"])
      expect(() => defineLab(clusterInput({ os: { operatorPackages: [bad] } }))).toThrow();
  });

  test("knows its instances and their declared roles", () => {
    expect(instancesOf(defineLab(clusterInput())).map(({ id, role }) => `${id} ${role.kind}`)).toEqual([
      "redis-18:6379 cluster-master",
      "redis-28:6379 cluster-master",
      "redis-38:6379 cluster-master",
      "redis-48:6379 cluster-replica",
      "redis-58:6379 cluster-replica",
      "redis-68:6379 cluster-replica",
      "redis-78:6379 standby",
      "redis-78:6380 standby",
    ]);
    expect(instancesOf(defineLab(sentinelInput())).map(({ id, role }) => `${id} ${role.kind}`)).toEqual([
      "redis-18:6379 master",
      "redis-18:26379 sentinel",
      "redis-28:6379 replica",
      "redis-28:26379 sentinel",
      "redis-38:6379 replica",
      "redis-38:26379 sentinel",
    ]);
  });

  test("may have sentinels on hosts of their own that watch several masters", () => {
    const lab = defineLab(
      sentinelInput({
        hosts: [
          ...numberedHosts("192.168.1", [18, 28]),
          ...numberedHosts("192.168.1", [61, 62, 63], { 61: { instances: [] }, 62: { instances: [] }, 63: { instances: [] } }),
          ...numberedHosts("192.168.1", [38, 48]),
        ],
        layout: {
          kind: "sentinel",
          masters: [
            { name: "first", master: "redis-18", replicas: ["redis-28"] },
            { name: "second", master: "redis-38", replicas: ["redis-48"] },
          ],
          sentinels: ["redis-61", "redis-62", "redis-63"],
        },
      }),
    );
    expect(instancesOf(lab).filter(({ role }) => role.kind === "sentinel")).toHaveLength(3);
  });
});

describe("a faulty lab is refused", () => {
  const cases: readonly (readonly [name: string, input: LabInput, code: string])[] = [
    [
      "two hosts of one name",
      clusterInput({ hosts: [...clusterInput().hosts, { name: "redis-18", address: "192.168.1.99", instances: [] }] }),
      "lab.duplicate-name",
    ],
    [
      "two hosts of one address",
      clusterInput({ hosts: [...clusterInput().hosts, { name: "redis-99", address: "192.168.1.18", instances: [] }] }),
      "lab.duplicate-address",
    ],
    [
      "an address outside the network",
      clusterInput({ hosts: [...clusterInput().hosts, { name: "redis-99", address: "10.0.0.9", instances: [] }] }),
      "lab.address-outside-network",
    ],
    [
      "the broadcast address",
      clusterInput({ hosts: [...clusterInput().hosts, { name: "redis-99", address: "192.168.1.255", instances: [] }] }),
      "lab.address-outside-network",
    ],
    [
      "two addresses that are one on loopback",
      clusterInput({
        network: { cidr: "192.168.0.0/16", loopback: "127.0.1.0/24" },
        hosts: [...clusterInput().hosts, { name: "redis-99", address: "192.168.2.18", instances: [] }],
      }),
      "lab.duplicate-loopback",
    ],
    [
      "two masters",
      clusterInput({
        layout: layoutOf({
          masters: ["redis-18", "redis-28"],
          standby: ["redis-38", "redis-78:6379", "redis-78:6380"],
          replicas: { "redis-58": "redis-18", "redis-68": "redis-28", "redis-48": "redis-28" },
        }),
      }),
      "lab.too-few-masters",
    ],
    [
      "a replica on its master's host",
      clusterInput({
        hosts: numberedHosts("192.168.1", [18, 28, 38], { 18: { instances: [6379, 6380] } }),
        layout: { kind: "cluster", masters: ["redis-18", "redis-28", "redis-38"], replicas: { "redis-18:6380": "redis-18:6379" } },
      }),
      "lab.replica-beside-master",
    ],
    [
      "a replica of no master",
      clusterInput({ layout: layoutOf({ replicas: { "redis-58": "redis-68", "redis-68": "redis-28", "redis-48": "redis-38" } }) }),
      "lab.replica-of-no-master",
    ],
    [
      "an instance with two roles",
      clusterInput({ layout: layoutOf({ standby: ["redis-18", "redis-78:6379", "redis-78:6380"] }) }),
      "lab.duplicate-role",
    ],
    ["an instance without a role", clusterInput({ layout: layoutOf({ standby: ["redis-78:6379"] }) }), "lab.instance-without-role"],
    [
      "a reference to no host",
      clusterInput({ layout: layoutOf({ standby: ["redis-7:6379", "redis-78:6379", "redis-78:6380"] }) }),
      "lab.unknown-reference",
    ],
    [
      "a port that is another's bus port",
      clusterInput({
        hosts: numberedHosts("192.168.1", [18, 28, 38, 48, 58, 68, 78], { 78: { instances: [6379, 16379] } }),
        layout: layoutOf({ standby: ["redis-78:6379", "redis-78:16379"] }),
      }),
      "lab.duplicate-port",
    ],
    [
      "a quorum above the number of sentinels",
      sentinelInput({ layout: sentinelLayout({ masters: [monitor({ quorum: 4 })] }) }),
      "lab.quorum-too-large",
    ],
    ["no sentinel", sentinelInput({ layout: sentinelLayout({ sentinels: [] }) }), "lab.no-sentinels"],
    ["a sentinel on no host", sentinelInput({ layout: sentinelLayout({ sentinels: ["redis-19"] }) }), "lab.unknown-reference"],
    [
      "maxmemory above the host's memory",
      clusterInput({
        hosts: numberedHosts("192.168.1", [18, 28, 38, 48, 58, 68, 78], { 78: { instances: [6379, 6380], memoryMiB: 1024 } }),
      }),
      "lab.maxmemory-too-large",
    ],
    ["an unknown directive", clusterInput({ redis: { settings: { "max-memory": "1gb" } } }), "lab.unknown-directive"],
    ["a directive of another version", clusterInput({ redis: { settings: { "replica-priority": 10 } } }), "lab.unknown-directive"],
    ["a directive that redis-lab sets", clusterInput({ redis: { settings: { requirepass: "hunter2hunter2" } } }), "lab.reserved-directive"],
    ["a wildcard bind", clusterInput({ redis: { settings: { bind: "0.0.0.0" } } }), "lab.reserved-directive"],
    ["an unknown Redis line", clusterInput({ redis: { version: "2.8.24" } }), "lab.unknown-version"],
    ["a host name with a shell metacharacter", clusterInput({ hosts: [{ name: "redis;reboot", address: "192.168.1.18" }] }), "lab.field"],
    ["a prefix with a blank", clusterInput({ redis: { prefix: "/apps/my redis" } }), "lab.field"],
    ["a prefix with a command substitution", clusterInput({ redis: { prefix: "/apps/$(reboot)" } }), "lab.field"],
    ["a setting with a line break", clusterInput({ redis: { settings: { appendfsync: "no\nrename-command CONFIG x" } } }), "lab.field"],
    ["a setting with template syntax", clusterInput({ redis: { settings: { appendfsync: "{{password}}" } } }), "lab.field"],
    [
      "a checksum that is none",
      clusterInput({ redis: { source: { kind: "file", path: "/tmp/redis.tar.gz", sha256: "abc" } } }),
      "lab.field",
    ],
    ["an IPv6 address", clusterInput({ hosts: [{ name: "redis-18", address: "fd00::18" }] }), "lab.field"],
    ["a loopback network that is none", clusterInput({ network: { cidr: "192.168.1.0/24", loopback: "10.0.0.0/24" } }), "lab.field"],
    [
      "a port whose bus port does not exist",
      clusterInput({ hosts: [{ name: "redis-18", address: "192.168.1.18", instances: [60_000] }] }),
      "lab.field",
    ],
  ];
  test.each(cases)("%s", (_name, input, code) => {
    expect(faultsOf(input).map((fault) => fault.code)).toContain(code);
  });

  test("with every fault at once, each where it is", () => {
    const faults = faultsOf(
      clusterInput({ redis: { settings: { "replica-priority": 10, nonsense: true } }, layout: layoutOf({ standby: ["redis-78:6379"] }) }),
    );
    expect(faults.map(({ at }) => at)).toEqual([
      'hosts["redis-78"].instances',
      "redis.settings.replica-priority",
      "redis.settings.nonsense",
    ]);
    expect(faults[1]?.text).toContain('its word is "slave-priority"');
  });

  test("with a replica on its master's host unless the layout accepts it", () => {
    const hosts = numberedHosts("192.168.1", [18, 28, 38], { 18: { instances: [6379, 6380] } });
    const layout = {
      kind: "cluster",
      masters: ["redis-18", "redis-28", "redis-38"],
      replicas: { "redis-18:6380": "redis-18:6379" },
      allowReplicaOnSameHost: true,
    } as const;
    expect(faultsOf(clusterInput({ hosts, layout: { ...layout, masters: [...layout.masters] } }))).toEqual([]);
  });
});

test("a fault inside a field with several forms is named, not only that none of them fits", () => {
  const image = { location: "https://example.org/image.qcow2", sha256: "short", user: "debian", osFamily: "debian" } as const;
  const hosts = numberedHosts("192.168.1", [18], { 18: { instances: [{ port: 70_000 }] } });
  expect(faultsOf(clusterInput({ libvirt: { image }, hosts })).map(({ at, text }) => `${at}: ${text}`)).toEqual([
    'hosts["redis-18"].instances[port 70000].port: 70000 must be at most 55535: the cluster bus listens on port + 10000',
    'libvirt.image.sha256: "short" must be a SHA-256: 64 hexadecimal digits in lower case',
  ]);
});
