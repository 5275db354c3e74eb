import { type Attempt, waitFor } from "../../base/wait.ts";
import { RedisReplyError } from "../../redis/reply-error.ts";
import type { InstanceAccess } from "../../redis/types.ts";
import { commandRefused } from "../model/errors.ts";
import { observeCluster } from "../model/observe.ts";
import { acquaintances, type LiveNode } from "../model/topology.ts";
import { tell } from "./introduce.ts";

// A config epoch tells whose word counts when two masters claim a slot: the higher one wins, and the other *deletes the keys that it has in it* (clusterUpdateSlotsConfigWith in cluster.c). So who
// gets slots has to have a higher epoch than who had them, and everybody has to know of it:
//
// - Where the new owner has not heard of a higher epoch of the former one, the next packet that the former one sent before it gave the slot away takes the slot back. Seen on 4.0.14
//   with two moves at once one after the other, in opposite directions.
// - An epoch that was raised without consensus (SETSLOT NODE of an importing node, BUMPEPOCH) and that nobody has heard of yet is given once more to the winner of the next election. When a master
//   that was killed in this moment comes back, it and its successor have the same epoch, and which of them is obeyed is decided by their node ids (clusterHandleConfigEpochCollision): the
//   successor may lose its slots, with all that was written meanwhile. Seen on 4.0.14 with a target killed right after its first slot.

/** The config epoch of a node as another one knows it. */
export function knownEpoch(by: Pick<LiveNode, "view">, node: Pick<LiveNode, "nodeId">): number | undefined {
  return acquaintances(by.view).find(({ id }) => id === node.nodeId)?.configEpoch;
}

/** Raises the config epoch of a master above all that it knows of; one that has the highest keeps it. @returns its epoch */
export async function raiseEpoch(instance: string, access: InstanceAccess): Promise<number> {
  const [reply] = await (await access.client(instance)).callAll([["CLUSTER", "BUMPEPOCH"]]);
  if (reply instanceof RedisReplyError) throw commandRefused(instance, "CLUSTER BUMPEPOCH", reply.message);
  // `BUMPED 7` or `STILL 7`.
  return Number(/\d+/.exec(String(reply))?.[0] ?? 0);
}

/** Looks whether every node that answers knows an epoch of a node. */
export async function epochSpread(
  node: LiveNode,
  epoch: number,
  others: readonly LiveNode[],
  access: InstanceAccess,
): Promise<Attempt<undefined>> {
  const asked = others.filter((other) => other !== node).map(({ member }) => member);
  const { nodes } = await observeCluster(asked, access);
  const behind = [...nodes.values()].find((other) => other.reachable && (knownEpoch(other, node) ?? epoch) < epoch);
  return behind === undefined
    ? { done: true, value: undefined }
    : { done: false, missing: `${behind.id} knowing the config epoch of ${node.id}` };
}

/** Longest wait until all nodes have heard of an epoch, in milliseconds. */
const SPREAD_TIMEOUT_MS = 30_000;

/** Raises the epoch of a master, and waits until every node that answers has heard of it. @throws LabError `wait.timeout` */
export async function raiseAndSpread(
  node: LiveNode,
  others: readonly LiveNode[],
  access: InstanceAccess,
  signal?: AbortSignal,
): Promise<void> {
  const epoch = await raiseEpoch(node.id, access);
  if ((await epochSpread(node, epoch, others, access)).done) return;
  await tell(node, others, access);
  await waitFor(() => epochSpread(node, epoch, others, access), {
    what: `all nodes to hear of the config epoch of ${node.id}`,
    timeoutMs: SPREAD_TIMEOUT_MS,
    intervalMs: 20,
    signal,
  });
}
