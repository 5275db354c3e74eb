import { waitFor } from "../../base/wait.ts";
import { RedisReplyError } from "../../redis/reply-error.ts";
import type { Argument, InstanceAccess } from "../../redis/types.ts";
import { knownEpoch, raiseAndSpread } from "../gossip/epochs.ts";
import { clearUnclaimed } from "../gossip/slot-marks.ts";
import { commandRefused, unknownInstance } from "../model/errors.ts";
import { observeCluster } from "../model/observe.ts";
import { eachSlot } from "../model/slots.ts";
import { clusterAround, type LiveNode, ownSlots, readTopology } from "../model/topology.ts";
import type { ClusterActionOf, ClusterMember, SlotAction } from "../model/types.ts";
import { gatherKeys } from "../move/gather.ts";
import { moveSlots } from "../move/run.ts";
import type { MoveEnd } from "../move/types.ts";
import type { ClusterAppliers, ClusterApplyContext } from "./options.ts";

/** Longest wait until a node has heard of the config epochs of all others, in milliseconds: gossip takes about a second. */
const EPOCH_TIMEOUT_MS = 60_000;

/** Moves that stand beside each other in a plan, all at once. @returns true where a slot moved */
export async function applyMoves(
  moves: readonly ClusterActionOf<"move-slots">[],
  { members, access, options }: ClusterApplyContext,
): Promise<boolean> {
  const { emit, signal, move = {} } = options;
  const report = await moveSlots(moves, members, access, { ...move, emit, signal });
  options.onMoved?.(report);
  return report.slots > 0;
}

/** What is done to slots. */
export const SLOT_APPLIERS: ClusterAppliers<SlotAction["kind"]> = {
  "move-slots": (action, context) => applyMoves([action], context),
  "claim-slots": claim,
  "disown-slots": disown,
  "gather-keys": gather,
  "close-slots": close,
};

/** SETSLOT NODE with its own id makes a node the owner, whatever it believed before, and closes the slot. Its epoch has to be the highest by then, and known: see epochs.ts. */
async function claim(
  { instance, slots }: ClusterActionOf<"claim-slots">,
  { members, access, options: { signal } }: ClusterApplyContext,
): Promise<boolean> {
  const { nodes, node } = await waitFor(
    async () => {
      const topology = readTopology(await observeCluster(members, access), members);
      const self = topology.live.get(instance);
      if (self === undefined) throw unknownInstance(instance);
      const { live } = clusterAround(topology, instance);
      const ahead = live.find((other) => other.self.role === "master" && (knownEpoch(self, other) ?? other.myEpoch) < other.myEpoch);
      return ahead === undefined
        ? { done: true, value: { nodes: live, node: self } }
        : { done: false, missing: `${instance} knowing the config epoch of ${ahead.id}` };
    },
    { what: "the config epochs to be known", timeoutMs: EPOCH_TIMEOUT_MS, signal },
  );
  const wanted = [...eachSlot(slots)];
  for (const other of nodes.filter(({ id, self }) => id !== instance && self.role === "master")) {
    const theirs = new Set(eachSlot(ownSlots(other)));
    if (wanted.some((slot) => theirs.has(slot))) await clearUnclaimed(other, node, access, signal);
  }
  await raiseAndSpread(node, nodes, access, signal);
  const mine = wanted.map((slot) => ["CLUSTER", "SETSLOT", slot, "NODE", node.nodeId] as const);
  await all(instance, [...wanted.map((slot) => ["CLUSTER", "SETSLOT", slot, "STABLE"]), ...mine], access);
  // The others hear of it by gossip, too. Who holds keys of a slot and takes itself for its owner refuses.
  const others = nodes.filter(({ id, self }) => id !== instance && self.role === "master");
  await Promise.all(others.map(async ({ id }) => (await access.client(id)).callAll(mine)));
  return true;
}

/** Both in one transaction: an importing node keeps the keys of a slot when it hears that another node owns the slot. */
async function disown(
  { instance, owner, slots }: ClusterActionOf<"disown-slots">,
  { members, access }: ClusterApplyContext,
): Promise<boolean> {
  const { nodeId } = await lookAt(owner, members, access);
  const { self } = await lookAt(instance, members, access);
  const own = new Set(eachSlot(self.slots));
  const wanted = [...eachSlot(slots)].filter((slot) => own.has(slot));
  if (wanted.length === 0) return false;
  await all(
    instance,
    [
      ["MULTI"],
      ...wanted.map((slot) => ["CLUSTER", "SETSLOT", slot, "STABLE"]),
      ["CLUSTER", "DELSLOTS", ...wanted],
      ...wanted.map((slot) => ["CLUSTER", "SETSLOT", slot, "IMPORTING", nodeId]),
      ["EXEC"],
    ],
    access,
  );
  return true;
}

async function gather(
  { slot, source: from, target: to }: ClusterActionOf<"gather-keys">,
  { members, access, options }: ClusterApplyContext,
): Promise<boolean> {
  const ends = await Promise.all([from, to].map((id) => endOf(id, members, access)));
  try {
    const [source, target] = ends;
    if (source === undefined || target === undefined) throw unknownInstance(from);
    const { timeoutMs, recoveryMs, quarantine } = options.move ?? {};
    await gatherKeys(slot, source, target, {
      quarantine,
      signal: options.signal,
      timeoutMs,
      recoveryMs,
    });
    return true;
  } finally {
    for (const { client } of ends) client.close();
  }
}

async function close(
  { instance, owner, slots }: ClusterActionOf<"close-slots">,
  { members, access }: ClusterApplyContext,
): Promise<boolean> {
  const { nodeId } = await lookAt(owner, members, access);
  const wanted = [...eachSlot(slots)];
  // A node with an open slot heard nothing of a new owner meanwhile, so it is sent the owner.
  const reported = instance === owner ? [] : wanted.map((slot) => ["CLUSTER", "SETSLOT", slot, "NODE", nodeId]);
  await all(instance, [...wanted.map((slot) => ["CLUSTER", "SETSLOT", slot, "STABLE"]), ...reported], access);
  return true;
}

async function lookAt(id: string, members: readonly ClusterMember[], access: InstanceAccess): Promise<LiveNode> {
  const asked = members.filter((member) => member.id === id);
  const node = readTopology(await observeCluster(asked, access), asked).live.get(id);
  if (node === undefined) throw unknownInstance(id);
  return node;
}

async function endOf(id: string, members: readonly ClusterMember[], access: InstanceAccess): Promise<MoveEnd> {
  const { member, nodeId } = await lookAt(id, members, access);
  return { member, nodeId, client: await access.connect(id) };
}

async function all(instance: string, commands: readonly (readonly Argument[])[], access: InstanceAccess): Promise<void> {
  const replies = await (await access.client(instance)).callAll(commands);
  replies.forEach((reply, index) => {
    const error = Array.isArray(reply) ? reply.find((each) => each instanceof RedisReplyError) : reply;
    if (error instanceof RedisReplyError)
      throw commandRefused(instance, commands[index]?.slice(0, 2).map(String).join(" ") ?? "", error.message);
  });
}
