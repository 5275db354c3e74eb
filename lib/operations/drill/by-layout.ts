import { isLabError } from "../../base/error.ts";
import { clusterMembers } from "../../cluster/model/members.ts";
import { observeCluster, selfOf } from "../../cluster/model/observe.ts";
import type { FinalInstance } from "../../drill/history.ts";
import type { LabTimes } from "../../drill/scenarios/duration.ts";
import type { LayoutKind } from "../../lab/layouts.ts";
import { type PlacedInstance, placedInstances } from "../../lab/placement.ts";
import type { Lab } from "../../lab/schema.ts";
import { parseClusterNodes } from "../../redis/cluster-nodes.ts";
import { effectiveDirectives } from "../../redis/conf/conf.ts";
import { RedisReplyError } from "../../redis/reply-error.ts";
import { sentinelFailover, sentinelMasters } from "../../redis/sentinel-commands.ts";
import { failOver } from "../cluster/failover.ts";
import { failOverLab } from "../failover.ts";
import type { Session, SessionOptions } from "../session.ts";
import { notPlain } from "./errors.ts";

/** What one instance adds to the last look: its epoch, its view of the layout, and the role in its files. */
export type FinalPart = Pick<FinalInstance, "epoch" | "view" | "fileRole" | "fileMaster">;

type VerbOptions = SessionOptions & { readonly now: () => Date };

interface DrillLayout<Kind extends LayoutKind> {
  readonly times: (layout: Extract<Lab["layout"], { kind: Kind }>) => LabTimes;
  /** Hands over without a loss. */
  readonly handOver: (options: VerbOptions, master: string, replica: string | undefined) => Promise<void>;
  readonly plainFailover: (session: Session, master: string) => Promise<void>;
  readonly finalParts: (session: Session) => Promise<ReadonlyMap<string, FinalPart>>;
}

/** In what drills differ by layout. */
const DRILL_LAYOUTS: { readonly [Kind in LayoutKind]: DrillLayout<Kind> } = {
  cluster: {
    times: ({ nodeTimeoutMs }) => ({ timeoutMs: nodeTimeoutMs, failoverMs: nodeTimeoutMs }),
    async handOver(options, master, replica) {
      if (replica === undefined) throw notPlain(master, "it has no replica");
      await failOver({ ...options, node: replica, how: "planned" });
    },
    plainFailover: async (_session, master) => {
      throw notPlain(master, "a cluster has none");
    },
    finalParts: clusterParts,
  },
  sentinel: {
    times: ({ masters }) => ({
      timeoutMs: Math.max(...masters.map(({ downAfterMs }) => downAfterMs)),
      failoverMs: Math.max(...masters.map(({ failoverTimeoutMs }) => failoverTimeoutMs)),
    }),
    handOver: async (options, master) => {
      await failOverLab({ ...options, instance: master });
    },
    plainFailover,
    finalParts: async (session) => new Map([...(await fileParts(session)), ...(await sentinelParts(session))]),
  },
  replication: {
    // Nobody watches: what a drill waits for is counted in this.
    times: () => ({ timeoutMs: 5_000, failoverMs: 5_000 }),
    handOver: async (options, _master, replica) => {
      await failOverLab({ ...options, instance: replica });
    },
    plainFailover: async (_session, master) => {
      throw notPlain(master, "there are no sentinels");
    },
    finalParts: fileParts,
  },
};

export function drillLayout({ layout }: Pick<Lab, "layout">): Omit<DrillLayout<LayoutKind>, "times"> & { readonly times: LabTimes } {
  const row = DRILL_LAYOUTS[layout.kind] as DrillLayout<LayoutKind>;
  return { ...row, times: row.times(layout) };
}

/** SENTINEL FAILOVER of the sentinel that answers first. */
async function plainFailover({ access, placement }: Session, master: string): Promise<void> {
  const at = placedInstances(placement).find(({ id }) => id === master);
  for (const { id, kind } of placedInstances(placement)) {
    if (kind !== "sentinel") continue;
    const client = await access.client(id);
    const watched = (await sentinelMasters(client)).find(({ address, port }) => address === at?.address && port === at?.port);
    if (watched !== undefined) return sentinelFailover(client, watched.name);
  }
  throw notPlain(master, "no sentinel watches it");
}

async function clusterParts(session: Session): Promise<ReadonlyMap<string, FinalPart>> {
  const { nodes } = await observeCluster(clusterMembers(session.placement), session.access);
  const names = new Map([...nodes.values()].flatMap((node) => (node.reachable ? [[node.nodeId, node.id] as const] : [])));
  const parts = [...nodes.values()].map(async (node): Promise<readonly [string, FinalPart]> => {
    if (!node.reachable) return [node.id, {}];
    const own = selfOf(node);
    // Standbys know nobody, and have no view of anything.
    const view =
      node.knownNodes > 1
        ? node.view
            .filter(({ slots }) => slots.length > 0)
            .map(({ id, slots }) => `${id}:${JSON.stringify(slots)}`)
            .sort()
            .join(" ")
        : undefined;
    return [
      node.id,
      {
        ...(own?.role === "master" && { epoch: own.configEpoch }),
        ...(view !== undefined && { view: digest(view) }),
        ...(await nodesFilePart(session, node.id, names)),
      },
    ];
  });
  return new Map(await Promise.all(parts));
}

/** The role in nodes.conf, which a node starts with. */
async function nodesFilePart(session: Session, id: string, names: ReadonlyMap<string, string>): Promise<FinalPart> {
  const instance = placedInstances(session.placement).find((each) => each.id === id);
  const host = session.placement.hosts.find(({ name }) => name === instance?.host);
  if (instance === undefined || host === undefined) return {};
  const text = (await session.connections.get(host.name)?.readFile(`${host.paths.data}/nodes-${instance.port}.conf`))?.toString();
  if (text === undefined) return {};
  try {
    const own = parseClusterNodes(text).find(({ myself }) => myself);
    if (own === undefined || own.role === "unknown") return {};
    return { fileRole: own.role, ...(own.masterId !== undefined && { fileMaster: names.get(own.masterId) ?? own.masterId }) };
  } catch (error) {
    if (isLabError(error)) return {};
    throw error;
  }
}

/** The role in redis.conf, of servers outside of a cluster. */
async function fileParts({ placement, connections }: Session): Promise<ReadonlyMap<string, FinalPart>> {
  const servers = placedInstances(placement).filter(({ kind }) => kind === "redis");
  const nameOf = (address: string | undefined, port: string | undefined) =>
    servers.find((each) => each.address === address && String(each.port) === port)?.id;
  const parts = servers.map(async ({ id, host, configFile }): Promise<readonly [string, FinalPart]> => {
    const text = (await connections.get(host)?.readFile(configFile))?.toString();
    if (text === undefined) return [id, {}];
    const directives = effectiveDirectives(text);
    const [address, port] = [...directives.entries()].find(([name]) => ROLE.test(name))?.[1].at(-1) ?? [];
    if (address === undefined) return [id, { fileRole: "master" }];
    return [id, { fileRole: "replica", fileMaster: nameOf(address, port) ?? `${address}:${port}` }];
  });
  return new Map(await Promise.all(parts));
}

/** The directive that makes a server a replica: another word up to 4.0. */
const ROLE = /^(?:replica|sl\u0061ve)of$/;

/** Who the sentinels say is the master. */
async function sentinelParts({ placement, access }: Session): Promise<ReadonlyMap<string, FinalPart>> {
  const sentinels = placedInstances(placement).filter(({ kind }) => kind === "sentinel");
  const parts = sentinels.map(async ({ id }: PlacedInstance): Promise<readonly [string, FinalPart]> => {
    try {
      const masters = await sentinelMasters(await access.client(id));
      return [
        id,
        {
          view: masters
            .map(({ name, address, port }) => `${name}=${address}:${port}`)
            .sort()
            .join(" "),
        },
      ];
    } catch (error) {
      if (isLabError(error) || error instanceof RedisReplyError) return [id, {}];
      throw error;
    }
  });
  return new Map(await Promise.all(parts));
}

/** Views are compared, not read: a long one would make the document long for nothing. */
function digest(text: string): string {
  return text.length <= 1_000 ? text : `${text.slice(0, 900)}…${text.length}`;
}
