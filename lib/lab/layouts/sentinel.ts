import * as v from "valibot";
import { didYouMean } from "../../base/nearest.ts";
import type { LabFault } from "../errors.ts";
import { described, positive, reference, word } from "../fields.ts";
import { PROGRAMS } from "../programs.ts";
import { duplicates, fault, replicasBesideMasters, resolveReference, roleFaults, unknownReferences } from "./references.ts";
import {
  addressList,
  type DeclaredMonitor,
  type DeclaredRole,
  type LayoutLab,
  type LayoutMember,
  type LayoutRow,
  type RestartFacts,
  SHIPPED_SAVE_POINTS,
} from "./row.ts";

const monitorSchema = v.object({
  name: described(word, "Name under which the sentinels watch this master, for example `mymaster`."),
  master: described(reference, "Instance that is the master at creation."),
  replicas: described(v.array(reference), "Instances that replicate it at creation."),
  quorum: described(v.optional(positive), "Sentinels that must agree that the master is down. Default: the majority of the sentinels."),
  downAfterMs: described(
    v.optional(positive, 10_000),
    "down-after-milliseconds. Sentinels ping once a second: below 2000 a healthy master may count as silent. Default: 10000.",
  ),
  parallelSyncs: described(v.optional(positive, 1), "Replicas that resynchronise at the same time after a failover. Default: 1."),
  failoverTimeoutMs: described(v.optional(positive, 180_000), "failover-timeout in milliseconds. Default: 180000."),
});

const schema = v.object({
  kind: v.literal("sentinel"),
  masters: described(v.pipe(v.array(monitorSchema), v.minLength(1, "needs at least one master")), "The masters that the sentinels watch."),
  sentinels: described(v.array(reference), "Hosts that run a sentinel, as HOST (port 26379) or HOST:PORT."),
  allowReplicaOnSameHost: described(
    v.optional(v.boolean(), false),
    "Accept a replica on its master's host; `doctor` then warns. Default: false.",
  ),
});

type SentinelLayout = v.InferOutput<typeof schema>;
type Monitor = SentinelLayout["masters"][number];

const SENTINEL_PORT = PROGRAMS.sentinel.usualPort;

/** Masters with replicas, and sentinels that watch them and fail over. */
export const sentinelLayout = {
  schema,
  faults,
  roles: rolesOf,
  sentinels: (lab) => lab.layout.sentinels.map((name) => resolveReference(lab, name, SENTINEL_PORT)),
  monitors: (lab) => lab.layout.masters.map((monitor) => monitorOf(lab, monitor)),
  ports: (port) => [port],
  portHint: "",
  hasSlots: false,
  exposure:
    "can give orders to the sentinels, which have no password, and listen where an instance is down, which the others send the password to",
  electors: { role: "sentinel", plural: "sentinels" },
  savePoints: SHIPPED_SAVE_POINTS,
  directives: () => [],
  uris: ({ masters }, instances) =>
    Object.fromEntries(masters.map(({ name }) => [name, `redis+sentinel://${addressList(instances, "sentinel")}/${name}/0`])),
  isServer,
  restart,
  withFormer,
} satisfies LayoutRow<SentinelLayout>;

/** Sentinels that must agree that a master is down: as declared, or their majority. */
export function quorumOf(monitor: Pick<Monitor, "quorum">, layout: Pick<SentinelLayout, "sentinels">): number {
  return monitor.quorum ?? Math.floor(layout.sentinels.length / 2) + 1;
}

function monitorOf(lab: LayoutLab<SentinelLayout>, monitor: Monitor): DeclaredMonitor {
  const id = (name: string) => resolveReference(lab, name);
  return { ...monitor, master: id(monitor.master), replicas: monitor.replicas.map(id), quorum: quorumOf(monitor, lab.layout) };
}

function restart(lab: LayoutLab<SentinelLayout>, instance: string): RestartFacts {
  const monitors = lab.layout.masters.map((monitor) => monitorOf(lab, monitor));
  const own = monitors.find(({ master, replicas }) => master === instance || replicas.includes(instance));
  if (own === undefined) return { copies: [], failoverOverdueMs: 0 };
  return {
    copies: [own.master, ...own.replicas].filter((id) => id !== instance),
    // A failover ends within about a second of down-after-milliseconds (measured with 4.0.14); sentinels whose hosts boot need some more.
    failoverOverdueMs: own.downAfterMs + 10_000,
  };
}

function rolesOf(lab: LayoutLab<SentinelLayout>): ReadonlyMap<string, DeclaredRole> {
  return new Map<string, DeclaredRole>(
    lab.layout.masters
      .map((monitor) => monitorOf(lab, monitor))
      .flatMap(({ name, master, replicas }) => [
        [master, { kind: "master", monitor: name }] as const,
        ...replicas.map((replica) => [replica, { kind: "replica", monitor: name, master }] as const),
      ]),
  );
}

function faults(lab: LayoutLab<SentinelLayout>): LabFault[] {
  const { layout } = lab;
  const id = (name: string) => resolveReference(lab, name);
  const sentinels = sentinelLayout.sentinels(lab);
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
    ...layout.sentinels.flatMap((name) =>
      hosts.has(name.split(":")[0] ?? "")
        ? []
        : [fault("lab.unknown-reference", "layout.sentinels", `"${name}" names no host of the lab${didYouMean(name, hosts)}`)],
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
        ...unknownReferences(lab, [[`${at}.master`, monitor.master], ...monitor.replicas.map((name) => [`${at}.replicas`, name] as const)]),
        ...replicasBesideMasters(layout.allowReplicaOnSameHost, replicas, `${at}.replicas`),
      ];
    }),
    ...roleFaults(
      lab,
      layout.masters.flatMap(({ master, replicas }) => [id(master), ...replicas.map(id)]),
    ),
  ];
}

function isServer({ kind, port }: LayoutMember): boolean {
  return kind === undefined ? port !== SENTINEL_PORT : kind === "redis";
}

/** Further replicas and sentinels; a name that is watched no more is there with the members that served it. */
function withFormer(layout: SentinelLayout, members: readonly LayoutMember[]): SentinelLayout {
  const servers = members.filter(isServer);
  const sentinels = members.filter((member) => !isServer(member)).map(({ id }) => id);
  // A quorum that is the majority of the sentinels is that of the declared ones.
  const monitors = layout.masters.map((monitor) => ({ ...monitor, quorum: quorumOf(monitor, layout) }));
  return { ...layout, masters: withServers(monitors, servers), sentinels: [...layout.sentinels, ...sentinels] };
}

function withServers(monitors: readonly Monitor[], servers: readonly LayoutMember[]): Monitor[] {
  const [first] = monitors;
  if (first === undefined) return [];
  const nameOf = ({ monitor }: LayoutMember) => monitor ?? first.name;
  const dropped = [...new Set(servers.map(nameOf))].filter((name) => !monitors.some((monitor) => monitor.name === name));
  return [
    ...monitors.map((monitor) => ({
      ...monitor,
      replicas: [...monitor.replicas, ...servers.filter((server) => nameOf(server) === monitor.name).map(({ id }) => id)],
    })),
    ...dropped.map((name) => {
      const [master = "", ...replicas] = servers.filter((server) => nameOf(server) === name).map(({ id }) => id);
      return { ...first, name, master, replicas };
    }),
  ];
}
