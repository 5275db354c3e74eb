import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isLabError } from "../../lib/base/error.ts";
import { openProject } from "../../lib/project/project.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-mistakes-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const CLUSTER = `import { defineLab, numberedHosts } from "redis-lab";

export const cluster = defineLab({
  name: "cluster",
  network: { cidr: "192.168.1.0/24", loopback: "127.0.1.0/24" },
  hosts: [
    ...numberedHosts("192.168.1", [18, 28, 38, 48, 58, 68], { 18: { memoryMiB: 4096 } }),
    { name: "redis-78", address: "192.168.1.78", instances: [6379, { port: 6380, settings: { hz: 10 } }] },
  ],
  layout: {
    kind: "cluster",
    masters: ["redis-18", "redis-28", "redis-38"],
    replicas: { "redis-58": "redis-18", "redis-68": "redis-28", "redis-48": "redis-38" },
    standby: ["redis-78:6379", "redis-78:6380"],
    nodeTimeoutMs: 15000,
  },
  redis: {
    version: "4.0.14",
    settings: {
      maxmemory: "1gb",
    },
  },
  os: { openFirewall: true },
  ssh: { user: "root" },
});
`;
const SENTINEL = `import { defineLab, numberedHosts } from "redis-lab";

export const sentinel = defineLab({
  name: "sentinel",
  network: { cidr: "192.168.1.0/24", loopback: "127.0.2.0/24" },
  hosts: numberedHosts("192.168.1", [18, 28, 38]),
  layout: {
    kind: "sentinel",
    masters: [
      { name: "mymaster", master: "redis-18", replicas: ["redis-28", "redis-38"], quorum: 2 },
    ],
    sentinels: ["redis-18", "redis-28", "redis-38"],
  },
});
`;

/** What is typed in place of what, and what the error says of it. Its line is that of what is typed, unless another is named here. */
type Mistake = readonly [typed: string, instead: string, ...says: readonly string[]];

const setting = (typed: string, ...says: string[]): Mistake => [typed, 'maxmemory: "1gb",', ...says];
const NO_FIELD = "there is no such field";

const IN_CLUSTER: readonly Mistake[] = [
  // Names of fields.
  ["mastres: [", "masters: [", "layout.mastres", NO_FIELD, 'did you mean "masters"?'],
  ['verson: "4.0.14"', 'version: "4.0.14"', "redis.verson", NO_FIELD, 'did you mean "version"?'],
  ["nodeTimeout: 15000", "nodeTimeoutMs: 15000", "layout.nodeTimeout", NO_FIELD, 'did you mean "nodeTimeoutMs"?'],
  ["instanses: [6379", "instances: [6379", 'hosts["redis-78"].instanses', NO_FIELD, 'did you mean "instances"?'],
  ["prot: 6380", "port: 6380", 'hosts["redis-78"].instances[1].prot', NO_FIELD, 'did you mean "port"?'],
  ["setings: { hz", "settings: { hz", 'hosts["redis-78"].instances[port 6380].setings', 'did you mean "settings"?'],
  ['secrets: { pasword: { from: "generated" } },\n  os:', "os:", "secrets.pasword", NO_FIELD, 'did you mean "password"?'],
  ['ssh: { usr: "root" }', 'ssh: { user: "root" }', "ssh.usr", NO_FIELD, 'did you mean "user"?'],
  ['ssh: { keyfile: "~/.ssh/lab" }', 'ssh: { user: "root" }', "ssh.keyfile", NO_FIELD, 'did you mean "keyFile"?'],
  ["os: { firewall: true }", "os: { openFirewall: true }", "os.firewall", NO_FIELD, 'did you mean "openFirewall"?'],
  ['colour: "red",\n  os:', "os:", "colour", NO_FIELD, "the fields here are name, description, disposable, network"],
  ["libvirt: { memoryMib: 1024 },\n  os:", "os:", "libvirt.memoryMib", 'did you mean "memoryMiB"?'],
  [
    'libvirt: { hypervisors: [{ name: "kvm-1", url: "qemu:///system" }] },\n  os:',
    "os:",
    'libvirt.hypervisors["kvm-1"].url',
    'did you mean "uri"?',
  ],
  ['source: { kind: "release", mirors: [] },\n    version', "version", "redis.source.mirors", 'did you mean "mirrors"?'],
  [
    "99: { memoryMiB: 4096 }",
    "18: { memoryMiB: 4096 }",
    'numberedHosts("192.168.1", [18, 28, 38, 48, 58, 68])',
    "99, which is not one of its numbers",
    ":7)",
  ],
  // Kinds of fields.
  [
    'instances: "6379" }',
    "instances: [6379, { port: 6380, settings: { hz: 10 } }] }",
    'hosts["redis-78"].instances: "6379" must be a list; write [6379]',
  ],
  [
    'instances: ["6379",',
    "instances: [6379,",
    'hosts["redis-78"].instances[0]: "6379" must be a number or an object; write 6379 without quotes',
  ],
  ["instances: [63790,", "instances: [6379,", 'hosts["redis-78"].instances[0]: 63790 must be at most 55535', "the cluster bus"],
  ["port: 0,", "port: 6380,", 'hosts["redis-78"].instances[port 0].port: 0 must be at least 1'],
  ["port: 6380.5,", "port: 6380,", "6380.5 must be a whole number"],
  ['nodeTimeoutMs: "15s"', "nodeTimeoutMs: 15000", 'layout.nodeTimeoutMs: "15s" must be a number'],
  ["nodeTimeoutMs: 15,", "nodeTimeoutMs: 15000,", "layout.nodeTimeoutMs: 15 must be at least 100"],
  ['openFirewall: "yes"', "openFirewall: true", 'os.openFirewall: "yes" must be true or false; write true without quotes'],
  ['user: "Redis", openFirewall', "openFirewall", 'os.user: "Redis" must be a user name'],
  ['transparentHugepages: "nevr", openFirewall', "openFirewall", '"nevr" is not "never", "madvise" or "leave"; did you mean "never"?'],
  [
    'sysctl: { "vm.swappiness": "10" }, openFirewall',
    "openFirewall",
    'os.sysctl.vm.swappiness: "10" must be a number; write 10 without quotes',
  ],
  ["sysctl: { swappiness: 10 }, openFirewall", "openFirewall", "os.sysctl.swappiness", "must be a sysctl name"],
  ['kind: "clutser"', 'kind: "cluster"', 'layout.kind: "clutser" is not', 'did you mean "cluster"?'],
  ["", '    kind: "cluster",\n', "layout.kind: is missing", "labs.ts:10)", '"cluster", "sentinel" or "replication"'],
  ['source: { kind: "releas" },\n    version', "version", 'redis.source.kind: "releas" is not', 'did you mean "release"?'],
  ['source: { kind: "file" },\n    version', "version", "redis.source.path: is missing"],
  ['version: "4.0"', 'version: "4.0.14"', 'redis.version: "4.0" must be a full version such as 4.0.14'],
  ['version: "3.2.13"', 'version: "4.0.14"', "redis.version", "3.2.13 is not a version that redis-lab knows"],
  ['name: "rédis-78"', 'name: "redis-78"', '"rédis-78" must be 2 to 63 lower-case letters'],
  ['name: "Cluster"', 'name: "cluster"', 'name: "Cluster" must be 2 to 63 lower-case letters'],
  ['address: "192.168.1"', 'address: "192.168.1.78"', 'hosts["redis-78"].address: "192.168.1" must be an IPv4 address'],
  ['cidr: "192.168.1.0"', 'cidr: "192.168.1.0/24"', 'network.cidr: "192.168.1.0" must be an IPv4 network such as'],
  ['loopback: "10.0.1.0/24"', 'loopback: "127.0.1.0/24"', "network.loopback", "below 127.0.0.0/8"],
  // What belongs together.
  ['address: "192.168.1.18"', 'address: "192.168.1.78"', "hosts: redis-18 and redis-78 have the address 192.168.1.18", "labs.ts:6)"],
  ['address: "10.9.0.78"', 'address: "192.168.1.78"', 'hosts["redis-78"].address: 10.9.0.78 is not a host address of 192.168.1.0/24'],
  ['name: "redis-18", address', 'name: "redis-78", address', 'two hosts are named "redis-18"'],
  ['"redis-58": "redis-68"', '"redis-58": "redis-18"', "redis-58:6379 is to replicate redis-68:6379, which is not among the masters"],
  [
    'standby: ["redis-87:6379", "redis-78:6380"]',
    'standby: ["redis-78:6379", "redis-78:6380"]',
    '"redis-87:6379" names no host of the lab; did you mean "redis-78"?',
  ],
  [
    'standby: ["redis-78:6379"]',
    'standby: ["redis-78:6379", "redis-78:6380"]',
    'hosts["redis-78"].instances: redis-78:6380 has no role',
    "labs.ts:8)",
  ],
  ['masters: ["redis-18"]', 'masters: ["redis-18", "redis-28", "redis-38"]', "1 master; Redis Cluster needs at least 3"],
  ["port: 16379,", "port: 6380,", 'hosts["redis-78"].instances: port 16379 of redis-78 is used twice'],
  ["memoryMiB: 1024, instances: [6379", "instances: [6379", 'hosts["redis-78"].memoryMiB', "adds up to 2048 MiB"],
  // Directives.
  setting('maxmemmory: "1gb",', "redis.settings.maxmemmory", "Redis 4.0.14 does not know it", 'did you mean "maxmemory"?'),
  setting('"replica-priority": 10,', "redis.settings.replica-priority", 'its word is "slave-priority"'),
  setting('requirepass: "hunter2hunter2",', "redis.settings.requirepass", "use `secrets.password`"),
  setting('RequirePass: "hunter2hunter2",', "redis.settings.RequirePass", "use `secrets.password`"),
  setting('maxmemory: ["1gb", "2gb"],', "redis.settings.maxmemory: is given once only"),
  setting("maxmemory: null as never,", "redis.settings.maxmemory: null must be a text, a number, true or false or a list"),
  setting('appendonly: "maybe",', 'redis.settings.appendonly: "maybe" is not what Redis 4.0.14 takes: it must be yes or no'),
  setting("appendonly: 1,", "redis.settings.appendonly: 1 is not", "yes or no"),
  setting('maxmemory: "lots",', 'redis.settings.maxmemory: "lots" is not', "an amount of memory, for example 100mb or 1gb"),
  setting('maxmemory: "1.5gb",', '"1.5gb" is not', "an amount of memory"),
  setting('databases: "abc",', 'redis.settings.databases: "abc" is not', "a whole number from 1 on"),
  setting("databases: 0,", "redis.settings.databases: 0 is not", "a whole number from 1 on"),
  setting('"maxmemory-policy": "lru",', '"lru" is not', 'did you mean "volatile-lru" or "allkeys-lru"?'),
  setting('appendfsync: "everysecond",', '"everysecond" is not', 'did you mean "everysec"?'),
  setting('loglevel: "notise",', '"notise" is not', "one of debug, verbose, notice, warning", 'did you mean "notice"?'),
  setting('save: "900",', 'redis.settings.save: "900" is not', '"SECONDS CHANGES", for example "900 1"'),
  setting('save: ["900 1", "300"],', '"300" is not', "SECONDS CHANGES"),
  setting('"client-output-buffer-limit": "replica 1mb 1mb 60",', "with a class of normal, slave, pubsub"),
  setting('"notify-keyspace-events": "KEt",', '"KEt" is not', "letters of Ag$lshzxeKE"),
  setting('"syslog-ident": "my redis",', '"my redis" is not', "one word"),
  setting('"syslog-ident": \'"half\',', "quotes are closed"),
  setting('"masteruser": "hunter2",', "redis.settings.masteruser", "redis-lab uses one password"),
  ["hz: true", "hz: 10", 'hosts["redis-78"].instances[port 6380].settings.hz: true is not', "a whole number from 0 on"],
];

const IN_SENTINEL: readonly Mistake[] = [
  ["quorom: 2", "quorum: 2", 'layout.masters["mymaster"].quorom', NO_FIELD, 'did you mean "quorum"?'],
  ["quorum: 4", "quorum: 2", 'layout.masters["mymaster"].quorum: 4 sentinels can never agree, there are 3'],
  [
    'sentinels: ["redis-18", "redis-28", "redis-83"]',
    'sentinels: ["redis-18", "redis-28", "redis-38"]',
    '"redis-83" names no host of the lab; did you mean "redis-38"?',
  ],
  ["nodeTimeoutMs: 1,\n    sentinels:", "sentinels:", "layout.nodeTimeoutMs", NO_FIELD],
  ["sentinels: []", 'sentinels: ["redis-18", "redis-28", "redis-38"]', "layout.sentinels", "needs at least one sentinel"],
];

const ROWS = [
  ...IN_CLUSTER.map((mistake) => ({ lab: "cluster", source: CLUSTER, mistake })),
  ...IN_SENTINEL.map((mistake) => ({ lab: "sentinel", source: SENTINEL, mistake })),
].map((row) => ({ ...row, typed: row.mistake[0].trim() || "nothing" }));

test.each(ROWS)("$lab: $typed", async ({ source, mistake: [typed, instead, ...says] }) => {
  expect(source.split(instead)).toHaveLength(2);
  const text = source.replace(instead, () => typed);
  const said = await errorOf(text);
  for (const each of says) expect(said).toContain(each);
  expect(said).not.toMatch(/Expected|[Rr]eceived|undefined|Invalid/);
  const line = text.slice(0, source.indexOf(instead)).split("\n").length;
  if (!says.some((each) => each.includes("labs.ts:"))) expect(said).toContain(`labs.ts:${line})`);
  if (says.some((each) => each.startsWith("numberedHosts"))) return;
  expect(said).toContain(`The lab "${/\bname: "([^"]*)"/.exec(text)?.[1]}" has`);
  expect(said).toContain("Fix the definition in the labs file and run the command again");
});

const FIRST = `export const one = defineLab({ name: "one", network: { cidr: "10.0.0.0/24", loopback: "127.0.1.0/24" }, hosts: numberedHosts("10.0.0", [1, 2, 3]),
  layout: { kind: "cluster", masters: ["redis-1", "redis-2", "redis-3"] } });
`;
const IMPORT = 'import { defineLab, numberedHosts } from "redis-lab";\n';

test.each([
  [
    "two labs of one name",
    `${IMPORT}${FIRST}export const two = defineLab({ ...one });\n`,
    ['two labs named "one", exported as `one` and `two`', "Give one of them another `name`"],
  ],
  [
    "two labs of one network",
    `${IMPORT}${FIRST}export const two = defineLab({ ...one, name: "two" });\n`,
    ['"one" and "two" both use 127.0.1.0/24', "`network.loopback`"],
  ],
  [
    "a lab without defineLab",
    `export const one = { name: "one", network: {}, hosts: [], layout: {} };\n`,
    ['The lab "one" has', "network.cidr: is missing", "hosts: needs at least one host"],
  ],
  ["no import", FIRST, ['"defineLab" is not defined (labs.ts:1)', 'import { defineLab } from "redis-lab"']],
  [
    "a name that is not exported",
    `${IMPORT.replace("numberedHosts", "numberedHost")}${FIRST.replace("numberedHosts", "numberedHost")}`,
    ['"numberedHost" is not exported', 'did you mean "numberedHosts"?', "labs.ts:2"],
  ],
  [
    "a module that is not there",
    `${IMPORT.replace("redis-lab", "redis-labs")}${FIRST}`,
    ['there is no module "redis-labs"; did you mean "redis-lab"?'],
  ],
  ["a slip of syntax", `${IMPORT}${FIRST.replace("layout:", "layout")}`, ["can't be loaded", "3:9"]],
  [
    "a fault in a constant",
    `${IMPORT}const layout = {\n  kind: "clutser",\n};\n${FIRST.replace(/layout: .* }\);/, "layout } as never);")}`,
    ['"clutser" is not', "(labs.ts:3)"],
  ],
  [
    "a fault in a value of a function",
    `${IMPORT}const layout = () => ({ kind: "clutser" });\n${FIRST.replace(/layout: .* }\);/, "layout: layout() } as never);")}`,
    ['"clutser" is not', "(labs.ts:4)"],
  ],
])("%s", async (_, text, says) => {
  const said = await errorOf(text);
  for (const each of says) expect(said).toContain(each);
});

test("a lab may be exported more than once", async () => {
  await writeFile(join(folder, "labs.ts"), `${IMPORT}${FIRST}export const all = [one];\nexport default one;\n`);
  expect((await openProject({ from: folder })).labs.map(({ name }) => name)).toEqual(["one"]);
});

async function errorOf(text: string): Promise<string> {
  await writeFile(join(folder, "labs.ts"), text);
  const error: unknown = await openProject({ from: folder }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isLabError(error) || error.kind !== "refused") throw new Error(`expected a refusal, got ${String(error)}`);
  return error.message;
}
