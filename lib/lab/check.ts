import { messageOf } from "../error.ts";
import { wordsOf } from "../redis/words.ts";
import type { LabFault } from "./errors.ts";
import { portsOf, resolveReference, SENTINEL_PORT } from "./instances.ts";
import { isInside } from "./ipv4.ts";
import { RESERVED_DIRECTIVES } from "./reserved-directives.ts";
import type { ClusterLayout, Host, Lab, SentinelLayout, SettingValue } from "./schema.ts";

/** Everything about a lab that a schema of single fields can't see. Returns all faults, in the order of the definition. Pure. */
export function checkLab(lab: Lab): readonly LabFault[] {
  return [
    ...checkHosts(lab),
    ...(lab.layout.kind === "cluster" ? checkCluster(lab, lab.layout) : checkSentinel(lab, lab.layout)),
    ...checkPorts(lab),
    ...checkSettings(lab),
  ];
}

function checkHosts(lab: Lab): LabFault[] {
  const lastNumber = (address: string) => address.split(".")[3] ?? "";
  return [
    ...duplicates(lab.hosts.map(({ name }) => name)).map((name) =>
      fault("lab.duplicate-name", "hosts", `two hosts are named "${name}"; a name is the host's identity everywhere`),
    ),
    ...duplicates(lab.hosts.map(({ address }) => address)).map((address) =>
      fault("lab.duplicate-address", "hosts", `two hosts have the address ${address}`),
    ),
    ...duplicates([...new Set(lab.hosts.map(({ address }) => address))].map(lastNumber)).map((number) =>
      fault(
        "lab.duplicate-loopback",
        "hosts",
        `two hosts end in .${number}, so they would share ${lab.network.loopback.replace(/0\/24$/, number)} on this computer`,
      ),
    ),
    ...lab.hosts.flatMap(({ address }, index) =>
      isInside(address, lab.network.cidr)
        ? []
        : [fault("lab.address-outside-network", `hosts[${index}].address`, `${address} is not a host address of ${lab.network.cidr}`)],
    ),
  ];
}

function checkCluster(lab: Lab, layout: ClusterLayout): LabFault[] {
  const id = (reference: string) => resolveReference(lab, reference);
  const masters = layout.masters.map(id);
  const replicas = Object.entries(layout.replicas).map(([replica, master]) => [id(replica), id(master)] as const);
  const mentions = [
    ...layout.masters.map((reference) => ["layout.masters", reference] as const),
    ...Object.entries(layout.replicas).flatMap(([replica, master]) => [
      ["layout.replicas", replica] as const,
      ["layout.replicas", master] as const,
    ]),
    ...layout.standby.map((reference) => ["layout.standby", reference] as const),
  ];
  return [
    ...(masters.length < 3
      ? [
          fault(
            "lab.too-few-masters",
            "layout.masters",
            `${masters.length} masters; Redis Cluster needs at least 3, or no majority is left when one fails`,
          ),
        ]
      : []),
    ...unknownReferences(lab, mentions),
    ...replicas.flatMap(([replica, master]) =>
      masters.includes(master)
        ? []
        : [fault("lab.replica-of-no-master", "layout.replicas", `${replica} is to replicate ${master}, which is not among the masters`)],
    ),
    ...replicasBesideMasters(layout.allowReplicaOnSameHost, replicas, "layout.replicas"),
    ...checkRoles(lab, [...masters, ...replicas.map(([replica]) => replica), ...layout.standby.map(id)]),
  ];
}

function checkSentinel(lab: Lab, layout: SentinelLayout): LabFault[] {
  const id = (reference: string) => resolveReference(lab, reference);
  const sentinels = layout.sentinels.map((reference) => resolveReference(lab, reference, SENTINEL_PORT));
  const hosts = new Set(lab.hosts.map(({ name }) => name));
  return [
    ...(sentinels.length === 0
      ? [
          fault(
            "lab.no-sentinels",
            "layout.sentinels",
            "needs at least one sentinel, and three for a failover that survives the loss of one",
          ),
        ]
      : []),
    ...layout.sentinels.flatMap((reference) =>
      hosts.has(reference.split(":")[0] ?? "")
        ? []
        : [fault("lab.unknown-reference", "layout.sentinels", `"${reference}" names no host of the lab`)],
    ),
    ...duplicates(sentinels).map((sentinel) => fault("lab.duplicate-role", "layout.sentinels", `${sentinel} is named twice`)),
    ...duplicates(layout.masters.map(({ name }) => name)).map((name) =>
      fault("lab.duplicate-name", "layout.masters", `two masters are watched as "${name}"`),
    ),
    ...layout.masters.flatMap((monitor, index) => {
      const at = `layout.masters[${index}]`;
      const replicas = monitor.replicas.map((replica) => [id(replica), id(monitor.master)] as const);
      return [
        ...(monitor.quorum !== undefined && monitor.quorum > sentinels.length
          ? [
              fault(
                "lab.quorum-too-large",
                `${at}.quorum`,
                `${monitor.quorum} sentinels can never agree, there are ${sentinels.length}; the quorum counts sentinels, not replicas`,
              ),
            ]
          : []),
        ...unknownReferences(lab, [
          [`${at}.master`, monitor.master],
          ...monitor.replicas.map((reference) => [`${at}.replicas`, reference] as const),
        ]),
        ...replicasBesideMasters(layout.allowReplicaOnSameHost, replicas, `${at}.replicas`),
      ];
    }),
    ...checkRoles(
      lab,
      layout.masters.flatMap(({ master, replicas }) => [id(master), ...replicas.map(id)]),
    ),
  ];
}

function unknownReferences(lab: Lab, mentions: readonly (readonly [at: string, reference: string])[]): LabFault[] {
  const known = new Set(lab.hosts.flatMap(({ name, instances }) => instances.map(({ port }) => `${name}:${port}`)));
  return mentions.flatMap(([at, reference]) => {
    if (known.has(resolveReference(lab, reference))) return [];
    const host = lab.hosts.find(({ name }) => name === reference.split(":")[0]);
    const why =
      host === undefined
        ? "names no host of the lab"
        : `names no instance of ${host.name}, which has ${host.instances.map(({ port }) => port).join(", ") || "none"}`;
    return [fault("lab.unknown-reference", at, `"${reference}" ${why}`)];
  });
}

function replicasBesideMasters(
  allowed: boolean,
  replicas: readonly (readonly [replica: string, master: string])[],
  at: string,
): LabFault[] {
  if (allowed) return [];
  return replicas.flatMap(([replica, master]) =>
    replica.split(":")[0] === master.split(":")[0]
      ? [
          fault(
            "lab.replica-beside-master",
            at,
            `${replica} is on the host of its master ${master}: both would be lost together; say \`allowReplicaOnSameHost: true\` to accept that`,
          ),
        ]
      : [],
  );
}

function checkRoles(lab: Lab, roles: readonly string[]): LabFault[] {
  const taken = new Set(roles);
  return [
    ...duplicates(roles).map((instance) => fault("lab.duplicate-role", "layout", `${instance} has more than one role`)),
    ...lab.hosts.flatMap(({ name, instances }, index) =>
      instances.flatMap(({ port }) =>
        taken.has(`${name}:${port}`)
          ? []
          : [
              fault(
                "lab.instance-without-role",
                `hosts[${index}].instances`,
                `${name}:${port} has no role in the layout; name it there${lab.layout.kind === "cluster" ? " (for example in `standby`)" : ""} or give the host \`instances: []\``,
              ),
            ],
      ),
    ),
  ];
}

function checkPorts(lab: Lab): LabFault[] {
  const sentinels =
    lab.layout.kind === "sentinel" ? lab.layout.sentinels.map((reference) => resolveReference(lab, reference, SENTINEL_PORT)) : [];
  const bus = lab.layout.kind === "cluster";
  return lab.hosts.flatMap(({ name, instances }, index) => {
    const ports = [
      ...instances.flatMap((instance) => portsOf(lab.layout, instance)),
      ...sentinels.filter((sentinel) => sentinel.startsWith(`${name}:`)).map((sentinel) => Number(sentinel.split(":")[1])),
    ];
    return duplicates(ports.map(String)).map((port) =>
      fault(
        "lab.duplicate-port",
        `hosts[${index}].instances`,
        `port ${port} of ${name} is used twice${bus ? " (the cluster bus of an instance is its port + 10000)" : ""}`,
      ),
    );
  });
}

function checkSettings(lab: Lab): LabFault[] {
  const known = tryWords(lab.redis.version);
  if (typeof known === "string") return [fault("lab.unknown-version", "redis.version", known)];
  const check = (settings: Readonly<Record<string, SettingValue>>, at: string) =>
    Object.entries(settings).flatMap(([name, value]) => {
      const reserved = RESERVED_DIRECTIVES[name];
      if (reserved !== undefined) return [fault("lab.reserved-directive", `${at}.${name}`, `redis-lab sets it: ${reserved}`)];
      if (!known.has(name)) {
        const instead = known.instead(name);
        return [
          fault(
            "lab.unknown-directive",
            `${at}.${name}`,
            `Redis ${lab.redis.version} does not know it${instead === undefined ? "; it would refuse to start" : `; its word is "${instead}"`}`,
          ),
        ];
      }
      return Array.isArray(value) && value.length > 1 && !known.repeatable(name)
        ? [fault("lab.not-repeatable", `${at}.${name}`, "is given once only, so a list makes no sense")]
        : [];
    });
  return [
    ...check(lab.redis.settings, "redis.settings"),
    ...lab.hosts.flatMap((host, index) =>
      host.instances.flatMap(({ settings }, instance) => check(settings, `hosts[${index}].instances[${instance}].settings`)),
    ),
    ...checkMemory(lab),
  ];
}

function checkMemory(lab: Lab): LabFault[] {
  return lab.hosts.flatMap((host, index) => memoryFaults(lab, host, host.memoryMiB, `hosts[${index}].memoryMiB`));
}

/** The fault of a host whose memory is less than its instances may take; none where its memory is not known. */
export function memoryFaults(lab: Lab, host: Host, memoryMiB: number | undefined, at: string): LabFault[] {
  const bytes = host.instances
    .map(({ settings }) => maxmemoryBytes({ ...lab.redis.settings, ...settings }["maxmemory"]))
    .reduce((sum, each) => sum + each, 0);
  if (memoryMiB === undefined || bytes <= memoryMiB * 1024 * 1024) return [];
  const text = `maxmemory of its instances adds up to ${Math.ceil(bytes / 1024 / 1024)} MiB, ${host.name} has ${memoryMiB} MiB`;
  return [fault("lab.maxmemory-too-large", at, text)];
}

/** maxmemory where a lab does not set it, in bytes. */
export const DEFAULT_MAXMEMORY = 1_024_000_000;

/** Redis's memory units: `1k` is 1000, `1kb` is 1024, likewise m and g, in any case (util.c, memtoll). */
export function maxmemoryBytes(value: SettingValue | undefined): number {
  if (value === undefined) return DEFAULT_MAXMEMORY;
  const match = /^(\d+)(b|k|kb|m|mb|g|gb)?$/i.exec(String(value));
  const factor: Readonly<Record<string, number>> = { b: 1, k: 1e3, kb: 1024, m: 1e6, mb: 1024 ** 2, g: 1e9, gb: 1024 ** 3 };
  return match === null ? 0 : Number(match[1]) * (factor[match[2]?.toLowerCase() ?? "b"] ?? 1);
}

function tryWords(version: string): ReturnType<typeof wordsOf> | string {
  try {
    return wordsOf(version);
  } catch (error) {
    return messageOf(error);
  }
}

export function duplicates(values: readonly string[]): readonly string[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}

function fault(code: string, at: string, text: string): LabFault {
  return { code, at, text };
}
