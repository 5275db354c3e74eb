import { waitFor } from "../../base/wait.ts";
import { configGet, configSet } from "../../redis/commands.ts";
import { RedisReplyError } from "../../redis/reply-error.ts";
import type { InstanceAccess, RedisClient } from "../../redis/types.ts";
import { wordsIfKnown } from "../../redis/words.ts";
import { observeCluster } from "../model/observe.ts";
import { eachSlot } from "../model/slots.ts";
import { type LiveNode, ownSlots } from "../model/topology.ts";
import { tell } from "./introduce.ts";

const FULL_COVERAGE = "cluster-require-full-coverage";
/** Longest wait, in milliseconds: two turns of the cluster's clock, of 100 ms each. */
const TIMEOUT_MS = 10_000;

/**
 * Makes sure that a node that is to get slots of an owner takes that owner at its word. Redis 7.0 marks a slot whose owner seems to claim it no longer (owner_not_claiming_slot in cluster.c), for which a packet
 * is enough that was on its way when the slot was given to that owner. The mark stays when the node itself gets the slot later: then the next packet of the former owner takes it back, whatever the epochs say,
 * and the node *deletes the keys*. Seen on 7.0.15, with slots that went to and fro and a move that was cut off before the former owner was sent it.
 *
 * A packet with news of the owner's slots clears all its marks. So the node is made to forget one of them, and the owner tells it; clients that ask this node for that slot meanwhile, a tenth of a second, are told
 * that it is not served. Slots on their way to the node are of no use for that, as it does not learn of those by packets.
 *
 * @throws LabError `wait.timeout`, RedisReplyError
 */
export async function clearUnclaimed(owner: LiveNode, node: LiveNode, access: InstanceAccess, signal?: AbortSignal): Promise<void> {
  if (wordsIfKnown(node.version)?.keepsSlotMarks !== true) return;
  // One on which both agree: what the node has got meanwhile is its own.
  const known = new Set(eachSlot(node.view.find(({ id }) => id === owner.nodeId)?.slots ?? []));
  const slot = [...eachSlot(ownSlots(owner))].find((each) => known.has(each) && !node.self.importing.has(each));
  if (slot === undefined) return;
  const client = await access.client(node.id);
  await withoutFullCoverage(client, async () => {
    await client.call(["CLUSTER", "DELSLOTS", slot]).catch((error: unknown) => {
      if (!(error instanceof RedisReplyError && /already unassigned/i.test(error.message))) throw error;
    });
    await tell(owner, [node], access);
    await waitFor(
      async () => {
        const seen = (await observeCluster([node.member], access)).nodes.get(node.id);
        const slots = seen?.reachable === true ? (seen.view.find(({ id }) => id === owner.nodeId)?.slots ?? []) : [];
        const heard = slots.some(({ first, last }) => first <= slot && slot <= last);
        return heard ? { done: true, value: undefined } : { done: false, missing: `${node.id} hearing of slot ${slot} from ${owner.id}` };
      },
      { what: `${owner.id} to tell ${node.id} of its slots`, timeoutMs: TIMEOUT_MS, intervalMs: 20, signal },
    );
  });
}

/** A node that misses a slot serves none at all, unless it need not have all of them. Nothing is done where that can't be set. */
async function withoutFullCoverage(client: RedisClient, work: () => Promise<void>): Promise<void> {
  const before = await configGet(client, FULL_COVERAGE).catch((error: unknown) => {
    if (error instanceof RedisReplyError) return undefined;
    throw error;
  });
  if (before === undefined) return;
  if (before === "yes") await configSet(client, FULL_COVERAGE, "no");
  try {
    await work();
  } finally {
    if (before === "yes") await configSet(client, FULL_COVERAGE, "yes");
  }
}
