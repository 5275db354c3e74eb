import { isLabError } from "../../base/error.ts";
import type { Emit } from "../../base/events.ts";
import { type Attempt, waitFor } from "../../base/wait.ts";
import { barReading, type OldMaster } from "../../redis/bar-reading.ts";
import { parseInfo } from "../../redis/info.ts";
import { pairsOf } from "../../redis/pairs.ts";
import { RedisReplyError } from "../../redis/reply-error.ts";
import type { InstanceAccess } from "../../redis/types.ts";
import { commandRefused, noHealthyReplica, notAMaster, notPromoted, unknownInstance } from "../model/errors.ts";
import { observeCluster } from "../model/observe.ts";
import { acquaintances, type LiveNode, ownSlots, readTopology, type Topology } from "../model/topology.ts";
import type { ClusterMember } from "../model/types.ts";

export interface FailoverOptions {
  readonly emit: Emit;
  /** Longest time for the whole failover, in milliseconds, the wait for the distance to the last one not counted. @default 60000 */
  readonly timeoutMs?: number | undefined;
  /** The replica that takes over. @default the one that is most in step */
  readonly to?: string | undefined;
  /**
   * When the last planned failover of this shard was complete, in milliseconds of the same clock as `now`. The next is sent more than 2 × cluster-node-timeout later.
   * @default no failover before
   */
  readonly lastFailoverAt?: number | undefined;
  /** One that restarts is not waited for, and is left without a link to its new master. @default "follows" */
  readonly oldMaster?: OldMaster;
  /** @default Date.now */
  readonly now?: () => number;
  readonly signal?: AbortSignal | undefined;
}

/** The server gives a manual failover up after this time, in milliseconds (CLUSTER_MF_TIMEOUT in cluster.h of 4.0.14). */
const SERVER_GIVES_UP_MS = 5000;

/**
 * Hands the shard of a master to its most advanced replica without losing an acknowledged write: the server pauses the clients of the master until the replica has
 * everything (CLUSTER FAILOVER without FORCE). Complete when every reachable node knows the new master and the old one replicates it, where it does not restart.
 *
 * @returns the instance id of the new master
 * @throws LabError `cluster.not-a-master`, `cluster.no-healthy-replica`, `cluster.not-promoted`
 */
export async function failOverMaster(
  masterInstanceId: string,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: FailoverOptions,
): Promise<string> {
  const { emit } = options;
  const now = options.now ?? Date.now;
  const topology = readTopology(await observeCluster(members, access), members);
  const master = masterOf(topology, masterInstanceId);
  const replica = await bestReplica(topology, master, access, options.to);
  const nodeTimeout = await nodeTimeoutOf(replica.id, access);
  await keepDistance(options, nodeTimeout, masterInstanceId, now);

  const detail = `hand the shard of ${master.id} to ${replica.id}`;
  const step = { type: "step", host: replica.member.host, step: "layout" } as const;
  emit({ ...step, state: "started", detail });
  const allowReading = options.oldMaster === "restarts" ? await barReading(await access.client(master.id)) : async () => {};
  try {
    await promote(master, replica, members, access, nodeTimeout, options);
  } catch (error) {
    // It stays the master, or is one that the next `up` restarts.
    await allowReading().catch(() => undefined);
    emit({ ...step, state: "failed", detail });
    throw error;
  }
  emit({ ...step, state: "changed", detail });
  return replica.id;
}

function masterOf(topology: Topology, id: string): LiveNode {
  if (!topology.members.some((member) => member.id === id)) throw unknownInstance(id);
  const node = topology.live.get(id);
  if (node === undefined) throw notAMaster(id, topology.absent.get(id)?.why ?? "it can't be reached");
  if (node.self.role !== "master") throw notAMaster(id, "it is a replica at present");
  if (ownSlots(node).length === 0) throw notAMaster(id, "it owns no slots");
  return node;
}

/** The replica with the highest offset among those that are reachable and in step. */
async function bestReplica(topology: Topology, master: LiveNode, access: InstanceAccess, to?: string): Promise<LiveNode> {
  const replicas = [...topology.live.values()].filter(({ id, self }) => self.masterId === master.nodeId && (to === undefined || id === to));
  const unreachable = [...topology.absent].filter(([id]) => to === undefined || id === to).map(([id, { why }]) => `${id}: ${why}`);
  const healthy = replicas.filter(({ masterLink }) => masterLink === "up");
  const offsets = await Promise.all(healthy.map(async (node) => ({ node, offset: await offsetOf(node.id, access) })));
  const best = offsets.sort((a, b) => b.offset - a.offset)[0];
  if (best === undefined) {
    throw noHealthyReplica(master.id, [...replicas.map(({ id }) => `${id} has no working link to it`), ...unreachable]);
  }
  return best.node;
}

/** A replica counts what it has of its master's stream under the same name as the master does (replication.c from 4.0 on). */
async function offsetOf(id: string, access: InstanceAccess): Promise<number> {
  const info = parseInfo(String(await (await access.client(id)).call(["INFO", "replication"])));
  return Number(info.master_repl_offset ?? 0);
}

/** Milliseconds. */
async function nodeTimeoutOf(id: string, access: InstanceAccess): Promise<number> {
  const reply = pairsOf(await (await access.client(id)).call(["CONFIG", "GET", "cluster-node-timeout"]));
  return Number(reply["cluster-node-timeout"] ?? 15_000);
}

/**
 * A shard that was failed over moments ago can count the votes of the old election again; the new master is then never announced, and its clients stay paused for five
 * seconds. Voters also refuse a second vote for the same master within 2 × cluster-node-timeout (clusterSendFailoverAuthIfNeeded in cluster.c).
 */
async function keepDistance(
  { lastFailoverAt, emit, signal }: FailoverOptions,
  nodeTimeout: number,
  id: string,
  now: () => number,
): Promise<void> {
  if (lastFailoverAt === undefined) return;
  const distance = 2 * nodeTimeout + 1000;
  const earliest = lastFailoverAt + distance;
  if (now() >= earliest) return;
  emit({
    type: "progress",
    host: id.split(":")[0],
    step: "layout",
    detail: `waiting ${Math.ceil((earliest - now()) / 1000)} s: the last failover of this shard was less than ${distance / 1000} s ago`,
  });
  await waitFor(
    async () => (now() >= earliest ? { done: true, value: undefined } : { done: false, missing: "the distance to the last failover" }),
    { what: "the next planned failover of the shard", timeoutMs: distance + 1000, signal },
  );
}

/** Sends CLUSTER FAILOVER until it took, and waits until everybody knows. */
async function promote(
  master: LiveNode,
  replica: LiveNode,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  nodeTimeout: number,
  { emit, signal, timeoutMs = 60_000, oldMaster }: FailoverOptions,
): Promise<void> {
  const again = Math.max(SERVER_GIVES_UP_MS, 2 * nodeTimeout) + 1000;
  let sent = Number.NEGATIVE_INFINITY;
  let missing = "an answer";
  let reported: string | undefined;
  try {
    await waitFor(
      async () => {
        const topology = readTopology(await observeCluster(members, access), members);
        const look = handedOver(topology, master, replica, oldMaster);
        if (!look.done) {
          missing = look.missing;
          const stillReplica = topology.live.get(replica.id)?.self.role === "replica";
          if (stillReplica && performance.now() - sent >= again) {
            sent = performance.now();
            await sendFailover(replica.id, access);
          }
        }
        return look;
      },
      {
        what: `${replica.id} to take over from ${master.id}`,
        timeoutMs,
        intervalMs: 50,
        onPending: (detail) => {
          if (detail !== reported) emit({ type: "progress", host: replica.member.host, step: "layout", detail });
          reported = detail;
        },
        signal,
      },
    );
  } catch (error) {
    if (isLabError(error) && error.code === "wait.timeout") throw notPromoted(master.id, replica.id, Math.round(timeoutMs / 1000), missing);
    throw error;
  }
}

async function sendFailover(id: string, access: InstanceAccess): Promise<void> {
  try {
    await (await access.client(id)).call(["CLUSTER", "FAILOVER"]);
  } catch (error) {
    throw error instanceof RedisReplyError ? commandRefused(id, "CLUSTER FAILOVER", error.message) : error;
  }
}

function handedOver(topology: Topology, master: LiveNode, replica: LiveNode, oldMaster?: OldMaster): Attempt<undefined> {
  const promoted = topology.live.get(replica.id);
  const demoted = topology.live.get(master.id);
  if (promoted?.self.role !== "master" || ownSlots(promoted).length === 0)
    return { done: false, missing: `${replica.id} as the master of the shard` };
  if (demoted?.self.masterId !== promoted.nodeId) return { done: false, missing: `${master.id} as a replica of ${replica.id}` };
  const cluster = topology.components.find(({ live }) => live.includes(promoted));
  const behind = cluster?.live.find(({ view }) => {
    const seen = acquaintances(view).find(({ id }) => id === promoted.nodeId);
    const old = acquaintances(view).find(({ id }) => id === master.nodeId);
    // An observer that lost sight of the old master before has nothing to learn of it.
    return (
      seen?.role !== "master" ||
      seen.slots.length === 0 ||
      (old !== undefined && (old.slots.length > 0 || old.masterId !== promoted.nodeId))
    );
  });
  if (behind !== undefined) return { done: false, missing: `${replica.id} as the master in the view of ${behind.id}` };
  if (oldMaster !== "restarts" && demoted.masterLink !== "up") return { done: false, missing: `${master.id} in step with its new master` };
  return { done: true, value: undefined };
}
