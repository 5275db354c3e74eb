import { RedisReplyError } from "../redis/reply-error.ts";
import type { Argument, InstanceAccess } from "../redis/types.ts";
import { waitFor } from "../wait.ts";
import type { ApplyOptions } from "./apply-options.ts";
import { knownEpoch, raiseAndSpread } from "./epochs.ts";
import { commandRefused, unknownInstance } from "./errors.ts";
import { gatherKeys } from "./move/gather.ts";
import { moveSlots } from "./move/run.ts";
import type { MoveEnd } from "./move/types.ts";
import { observeCluster } from "./observe.ts";
import { eachSlot } from "./slots.ts";
import { type LiveNode, ownSlots, readTopology } from "./topology.ts";
import type { ClusterMember, SlotAction } from "./types.ts";
import { clearUnclaimed } from "./unclaimed.ts";

type Move = Extract<SlotAction, { kind: "move-slots" }>;

/** Longest wait until a node has heard of the config epochs of all others, in milliseconds: gossip takes about a second. */
const EPOCH_TIMEOUT_MS = 60_000;

/** Moves that stand beside each other in a plan, all at once. @returns true where a slot moved */
export async function applyMoves(
  moves: readonly Move[],
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: ApplyOptions,
): Promise<boolean> {
  const { emit, signal, move = {} } = options;
  const report = await moveSlots(moves, members, access, { ...move, emit, signal });
  options.onMoved?.(report);
  return report.slots > 0;
}

/** One action on slots, other than a move. @returns true where something was changed */
export async function applySlotAction(
  action: Exclude<SlotAction, Move>,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: ApplyOptions,
): Promise<boolean> {
  switch (action.kind) {
    case "claim-slots":
      return claim(action, members, access, options);
    case "disown-slots":
      return disown(action, members, access);
    case "close-slots":
      return close(action, members, access);
    case "gather-keys": {
      const ends = await Promise.all([action.source, action.target].map((id) => endOf(id, members, access)));
      try {
        const [source, target] = ends;
        if (source === undefined || target === undefined) throw unknownInstance(action.source);
        const { timeoutMs, recoveryMs, quarantine } = options.move ?? {};
        await gatherKeys(action.slot, source, target, {
          quarantine,
          signal: options.signal,
          ...(timeoutMs !== undefined && { timeoutMs }),
          ...(recoveryMs !== undefined && { recoveryMs }),
        });
        return true;
      } finally {
        for (const { client } of ends) client.close();
      }
    }
  }
}

/** SETSLOT NODE with its own id makes a node the owner, whatever it believed before, and closes the slot. Its epoch has to be the highest by then, and known: see epochs.ts. */
async function claim(
  { instance, slots }: Extract<SlotAction, { kind: "claim-slots" }>,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  { signal }: ApplyOptions,
): Promise<boolean> {
  const { nodes, node } = await waitFor(
    async () => {
      const topology = readTopology(await observeCluster(members, access), members);
      const self = topology.live.get(instance);
      if (self === undefined) throw unknownInstance(instance);
      const live = [...topology.live.values()];
      const ahead = live.find((other) => other.self.role === "master" && (knownEpoch(self, other) ?? other.myEpoch) < other.myEpoch);
      return ahead === undefined
        ? { done: true, value: { nodes: live, node: self } }
        : { done: false, missing: `${instance} knowing the config epoch of ${ahead.id}` };
    },
    { what: "the config epochs to be known", timeoutMs: EPOCH_TIMEOUT_MS, ...(signal && { signal }) },
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

/** Both in one transaction: an importing node keeps the keys of a slot when it hears that the slot is somebody else's. */
async function disown(
  { instance, owner, slots }: Extract<SlotAction, { kind: "disown-slots" }>,
  members: readonly ClusterMember[],
  access: InstanceAccess,
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

async function close(
  { instance, owner, slots }: Extract<SlotAction, { kind: "close-slots" }>,
  members: readonly ClusterMember[],
  access: InstanceAccess,
): Promise<boolean> {
  const { nodeId } = await lookAt(owner, members, access);
  const wanted = [...eachSlot(slots)];
  // A node with an open slot heard nothing of a new owner meanwhile, so it is told.
  const told = instance === owner ? [] : wanted.map((slot) => ["CLUSTER", "SETSLOT", slot, "NODE", nodeId]);
  await all(instance, [...wanted.map((slot) => ["CLUSTER", "SETSLOT", slot, "STABLE"]), ...told], access);
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
