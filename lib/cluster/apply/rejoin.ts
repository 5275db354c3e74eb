import { isLabError } from "../../base/error.ts";
import { plural } from "../../base/text.ts";
import { type Attempt, waitFor } from "../../base/wait.ts";
import { configGet, configSet } from "../../redis/commands.ts";
import { RedisReplyError } from "../../redis/reply-error.ts";
import type { Argument, BatchReply, InstanceAccess, RedisClient } from "../../redis/types.ts";
import type { StrandedMember } from "../findings/stranded.ts";
import { awaitAgreement } from "../gossip/await-agreement.ts";
import { commandRefused, notEmptyNode, notReady } from "../model/errors.ts";
import { observeCluster } from "../model/observe.ts";
import { clusterAround, type LiveNode, mastersOf, ownSlots, readTopology } from "../model/topology.ts";
import type { ClusterAction, ClusterMember, ClusterPlan } from "../model/types.ts";
import { copyAt, sameValue } from "../move/conflicts.ts";
import { valuesDiffer } from "../move/errors.ts";
import type { MoveEnd, Quarantine, Quarantined } from "../move/types.ts";
import { countKeys } from "../plan/count-keys.ts";
import { type PlannedAction, plannedAction } from "../plan/planned-action.ts";
import { applyChecked } from "./apply-checked.ts";
import type { ClusterApplyOptions } from "./options.ts";

// A node beside the cluster has an older data set, or another one. It would lose that in the first packet of a higher epoch, so what it has otherwise is saved before it becomes a replica. Cut off at any point it is still alone and
// still has its keys, or is empty: the next `fix` finds it by that and begins again, and what was saved already is saved once more.

/** What is done, in one line. Pure. */
export function describeRejoin({ node, master }: StrandedMember): string {
  return `save what ${node.id} has otherwise (of ${node.keys} keys), empty it and make it a replica of ${master.id}`;
}

/** @throws LabError `cluster.not-ready`, `cluster.not-empty`, those of the actions, and `cluster.values-differ` without a quarantine */
export async function rejoin(
  { node, master }: StrandedMember,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: ClusterApplyOptions,
): Promise<void> {
  const { id } = node;
  const apply = (...actions: ClusterPlan["actions"]) => applyChecked(actions, master.id, members, access, options);
  const cluster = async () => clusterAround(readTopology(await observeCluster(members, access), members), master.id).live;
  const saving = { type: "step", host: node.member.host, step: "layout", detail: describeRejoin({ node, master }) } as const;
  options.emit({ ...saving, state: "started" });
  await emptyKeepingDifferences(node, await cluster(), access, options);
  options.emit({ ...saving, state: "changed" });
  const all = [...(await cluster()).filter((other) => other.id !== id).map((other) => other.id), id];
  await apply(step({ kind: "reset", instance: id }));
  await apply(
    step({ kind: "meet", seed: master.id, instance: id }),
    step({ kind: "await-joined", instances: all }),
    step({ kind: "replicate", instance: id, master: master.id }),
  );
  await agreed(await cluster(), access, options);
  await inStep(node.member, access, options);
}

/** @throws LabError `cluster.not-ready` with what the nodes do not agree about */
export async function agreed(nodes: readonly LiveNode[], access: InstanceAccess, { signal }: ClusterApplyOptions): Promise<void> {
  const missing = await awaitAgreement(
    nodes.map(({ member }) => member),
    access,
    { signal },
  );
  if (missing !== undefined) throw notReady([{ text: `The nodes do not agree yet: ${missing}.` }]);
}

/** A copy of a large data set takes its time, and is not a part of what has to be right: it is waited for, and goes on when the time is over. */
async function inStep(member: ClusterMember, access: InstanceAccess, { signal, timeoutMs = 60_000 }: ClusterApplyOptions): Promise<void> {
  const look = async (): Promise<Attempt<undefined>> => {
    const node = (await observeCluster([member], access)).nodes.get(member.id);
    return node?.reachable === true && node.masterLink === "up" ? { done: true, value: undefined } : { done: false, missing: "its link" };
  };
  await waitFor(look, { what: `${member.id} to be in step`, timeoutMs, signal }).catch((error: unknown) => {
    if (!(isLabError(error) && error.code === "wait.timeout")) throw error;
  });
}

function step(action: ClusterAction): PlannedAction {
  return plannedAction(action, "fix");
}

/** Keys that are compared at once. */
const PAGE = 128;
/** Longest wait for a node to serve what it has, in milliseconds: two seconds after its start, and a turn of the cluster's clock. */
const SERVING_MS = 15_000;
const FULL_COVERAGE = "cluster-require-full-coverage";

/**
 * Empties a node that is a cluster of its own, once all that it has and that the owners of its slots have not, or otherwise, is in quarantine.
 *
 * @returns how many values went into quarantine
 */
export async function emptyKeepingDifferences(
  node: LiveNode,
  cluster: readonly LiveNode[],
  access: InstanceAccess,
  { move, signal }: Pick<ClusterApplyOptions, "move" | "signal">,
): Promise<number> {
  if (cluster.some(({ nodeId }) => nodeId === node.nodeId)) {
    if (node.keys > 0) throw notEmptyNode(node.id, `it is part of the cluster, and holds ${plural(node.keys, "key")}`);
    return 0;
  }
  const client = await access.client(node.id);
  const counts = (await countKeys([node], access)).get(node.id) ?? new Map<number, number>();
  if (counts.size === 0) return 0;
  const here: MoveEnd = { member: node.member, nodeId: node.nodeId, client };
  const owners = await Promise.all(
    mastersOf({ live: cluster }).map(async (owner) => ({
      owner,
      end: { member: owner.member, nodeId: owner.nodeId, client: await access.client(owner.id) },
    })),
  );
  let kept = 0;
  await answering(
    owners.map(({ owner }) => owner),
    node,
    access,
    signal,
  );
  await serving(node, [...counts.keys()], { client, peer: owners[0]?.end.client }, signal, async () => {
    for (const [slot, count] of counts) {
      signal?.throwIfAborted();
      const there = owners.find(({ owner }) => ownSlots(owner).some(({ first, last }) => first <= slot && slot <= last))?.end;
      const [keys] = await client.callAll([["CLUSTER", "GETKEYSINSLOT", slot, count]], { timeoutMs: SERVING_MS });
      const all = Array.isArray(keys) ? keys.filter((key: BatchReply): key is Buffer => Buffer.isBuffer(key)) : [];
      for (let from = 0; from < all.length; from += PAGE)
        kept += await keepDifferences(slot, all.slice(from, from + PAGE), here, there, move?.quarantine);
    }
  });
  signal?.throwIfAborted();
  await client.call(["FLUSHALL"], { timeoutMs: 60_000 });
  return kept;
}

/** The owners tell what they have only while the cluster serves. @throws LabError `cluster.not-ready`, before anything is changed */
async function answering(
  owners: readonly LiveNode[],
  node: LiveNode,
  access: InstanceAccess,
  signal: AbortSignal | undefined,
): Promise<void> {
  const ids = new Set(owners.map(({ id }) => id));
  let failing: readonly string[] = [];
  const look = async (): Promise<Attempt<undefined>> => {
    const { nodes } = await observeCluster(
      owners.map(({ member }) => member),
      access,
    );
    failing = [...ids].filter((id) => {
      const seen = nodes.get(id);
      return seen?.reachable !== true || seen.clusterState !== "ok";
    });
    return failing.length === 0 ? { done: true, value: undefined } : { done: false, missing: failing.join(", ") };
  };
  await waitFor(look, { what: "the owners to serve", timeoutMs: SERVING_MS, signal }).catch((error: unknown) => {
    if (!(isLabError(error) && error.code === "wait.timeout")) throw error;
    throw notReady([
      {
        text: `${failing.join(", ")} ${failing.length === 1 ? "does" : "do"} not serve, so what ${node.id} has can't be compared; it keeps its ${plural(node.keys, "key")}.`,
      },
    ]);
  });
}

async function keepDifferences(
  slot: number,
  keys: readonly Buffer[],
  here: MoveEnd,
  there: MoveEnd | undefined,
  quarantine: Quarantine | undefined,
): Promise<number> {
  const different: Quarantined[] = [];
  for (const key of keys) {
    const copy = await copyOf(key, here);
    if (copy === undefined) continue;
    const other = there === undefined ? undefined : await copyOf(key, there);
    if (there !== undefined && other !== undefined && (await sameValue(key, { copy, end: here }, { copy: other, end: there }))) continue;
    if (quarantine === undefined) throw valuesDiffer(slot, key, there?.member.id ?? "the cluster", here.member.id);
    different.push({ slot, key, instance: here.member.id, ...copy });
  }
  if (different.length > 0) await quarantine?.(different);
  return different.length;
}

async function copyOf(key: Buffer, end: MoveEnd): ReturnType<typeof copyAt> {
  try {
    return await copyAt(key, end, false);
  } catch (error) {
    throw error instanceof RedisReplyError ? commandRefused(end.member.id, "DUMP", error.message) : error;
  }
}

/** A node that has not all slots serves none, unless it need not have them; and none that it does not own. It is alone and about to be reset, so it may have what nobody else hears of. */
async function serving(
  node: LiveNode,
  slots: readonly number[],
  { client, peer }: { readonly client: RedisClient; readonly peer: RedisClient | undefined },
  signal: AbortSignal | undefined,
  work: () => Promise<void>,
): Promise<void> {
  const must = async (...command: readonly Argument[]) => {
    const [reply] = await client.callAll([command]);
    if (reply instanceof RedisReplyError) throw commandRefused(node.id, command.slice(0, 2).map(String).join(" "), reply.message);
    return reply;
  };
  const found = await configGet(client, FULL_COVERAGE);
  const own = new Set(ownSlots(node).flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, index) => first + index)));
  // Alone and with slots it may have been read by a run that was cut off, whose value is still there: the cluster has the real one.
  const before = own.size > 0 && found === "no" && peer !== undefined ? await configGet(peer, FULL_COVERAGE) : found;
  const missing = slots.filter((slot) => !own.has(slot));
  if (missing.length > 0) await must("CLUSTER", "ADDSLOTS", ...missing);
  await configSet(client, FULL_COVERAGE, "no");
  try {
    await waitFor(
      async () =>
        /cluster_state:ok/.test(String(await must("CLUSTER", "INFO")))
          ? { done: true, value: undefined }
          : { done: false, missing: `${node.id} with cluster_state:ok` },
      { what: `${node.id} to serve what it has`, timeoutMs: SERVING_MS, signal },
    );
    await work();
  } finally {
    if (before !== undefined) await configSet(client, FULL_COVERAGE, before);
  }
}
