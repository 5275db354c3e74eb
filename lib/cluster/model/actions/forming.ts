import { countSlots, eachSlot, formatRanges } from "../slots.ts";
import type { PlannedCluster } from "./planned-cluster.ts";
import { actionRow, instance, instances, nodeId, number, slotRanges } from "./row.ts";

// What forms a cluster out of nodes, and what is done once more where a node is missing in it.

export const setConfigEpoch = actionRow({
  fields: { instance, epoch: number },
  waits: false,
  sideBySide: true,
  inside: false,
  concernsCluster: false,
  nodesOf: (action) => [action.instance],
  describe: (action) => `give ${action.instance} the config epoch ${action.epoch}`,
  *validate(action, cluster) {
    yield* mustAnswer(cluster, action.instance);
    if (!Number.isInteger(action.epoch) || action.epoch < 1) yield `${action.instance} is given the config epoch ${action.epoch}`;
  },
});

export const addSlots = actionRow({
  fields: { instance, slots: slotRanges },
  waits: false,
  sideBySide: true,
  inside: false,
  concernsCluster: false,
  nodesOf: (action) => [action.instance],
  describe: ({ instance: id, slots }) => `give ${id} the slots ${formatRanges(slots)} (${countSlots(slots)})`,
  *validate({ instance: id, slots }, cluster) {
    if (!cluster.isMaster(id)) yield `${id} is not a master and gets slots`;
    for (const slot of eachSlot(slots)) {
      const owner = cluster.otherOwner(slot);
      if (owner !== undefined) yield `slot ${slot} is given to ${id} and belongs to ${owner}`;
      cluster.own(slot, id);
    }
  },
});

/** Makes one node forget an identity that is gone. */
export const forget = actionRow({
  fields: { instance, nodeId },
  waits: false,
  sideBySide: true,
  inside: false,
  concernsCluster: false,
  nodesOf: (action) => [action.instance],
  describe: (action) => `let ${action.instance} forget ${action.nodeId.slice(0, 8)}, which is gone`,
  *validate(action, cluster) {
    yield* mustAnswer(cluster, action.instance);
    const there = cluster.withNodeId(action.nodeId);
    if (there !== undefined) yield `${action.instance} is made to forget ${there}, which is not gone`;
    if (cluster.replicates(action.instance, action.nodeId)) yield `${action.instance} is made to forget its own master`;
  },
});

export const meet = actionRow({
  fields: { seed: instance, instance },
  waits: false,
  sideBySide: true,
  inside: false,
  concernsCluster: false,
  nodesOf: ({ seed, instance: id }) => [seed, id],
  describe: ({ seed, instance: id }) => `introduce ${id} to ${seed}`,
  *validate({ seed, instance: id }, cluster) {
    yield* mustAnswer(cluster, seed, id);
    if (seed === id) yield `${id} is introduced to itself`;
    for (const [slot, owner] of cluster.meet(seed, id)) yield `slot ${slot} of ${owner} has another owner beyond the introduction of ${id}`;
  },
});

export const awaitJoined = actionRow({
  fields: { instances },
  waits: true,
  sideBySide: false,
  inside: true,
  concernsCluster: false,
  nodesOf: (action) => action.instances,
  describe: (action) => `wait until ${action.instances.length} nodes know each other`,
  validate: waitFor,
});

/** CLUSTER REPLICATE deletes all keys of the node. */
export const replicate = actionRow({
  fields: { instance, master: instance },
  waits: false,
  sideBySide: true,
  inside: true,
  concernsCluster: false,
  nodesOf: ({ instance: id, master }) => [id, master],
  describe: ({ instance: id, master }) => `make ${id} a replica of ${master}`,
  *validate({ instance: id, master }, cluster) {
    yield* mustAnswer(cluster, id);
    if (cluster.ownsAny(id)) yield `${id} owns slots and is made a replica`;
    const keys = cluster.ownKeys(id);
    if (keys > 0) yield `${id} is a master with ${keys} keys and is made a replica`;
    if (!cluster.isMaster(master)) yield `${id} is made a replica of ${master}, which is not a master`;
    else if (id === master) yield `${id} is made a replica of itself`;
    else if (!cluster.areTogether(id, master)) yield `${id} is made a replica of ${master}, which is in another cluster`;
    cluster.follow(id, master);
  },
});

/** The gate after a change: nothing is done until all nodes tell the same. */
export const awaitFormed = actionRow({
  fields: { instances },
  waits: true,
  sideBySide: false,
  inside: true,
  concernsCluster: false,
  nodesOf: (action) => action.instances,
  describe: (action) => `wait until ${action.instances.length} nodes agree`,
  validate: waitFor,
});

/** A wait for a node that can't come ends only with its time. */
function* waitFor(action: { readonly instances: readonly string[] }, cluster: PlannedCluster): Iterable<string> {
  if (action.instances.length === 0) yield "nodes are waited for, and none is named";
  for (const id of action.instances) {
    if (!cluster.answers(id)) yield `${id} is waited for and gives no answer`;
    if (cluster.hasLeft(id)) yield `${id} is waited for and has left`;
  }
}

/** Commands are given to nodes that answer. */
export function* mustAnswer(cluster: PlannedCluster, ...ids: readonly string[]): Iterable<string> {
  for (const id of ids) if (!cluster.answers(id)) yield `${id} is to be changed and gives no answer`;
}
