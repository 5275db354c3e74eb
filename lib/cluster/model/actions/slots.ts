import { describeSlots } from "../describe.ts";
import { eachSlot, SLOT_COUNT } from "../slots.ts";
import { mustAnswer } from "./forming.ts";
import type { PlannedCluster } from "./planned-cluster.ts";
import { actionRow, instance, slotNumber, slotRanges } from "./row.ts";

// What is done to slots.

/** Slots with their keys, from one master to another. Neighbours in a plan travel side by side. */
export const moveSlots = actionRow({
  fields: { source: instance, target: instance, slots: slotRanges },
  waits: false,
  sideBySide: true,
  inside: true,
  concernsCluster: true,
  nodesOf: ({ source, target }) => [source, target],
  describe: ({ source, target, slots }) => `move ${describeSlots(slots)} from ${source} to ${target}`,
  *validate({ source, target, slots }, cluster) {
    yield* mustBeMaster(cluster, target, "gets slots");
    if (source === target) yield `${source} gives slots to itself`;
    for (const slot of eachSlot(slots)) {
      if (!cluster.owns(source, slot)) yield `slot ${slot} is taken from ${source}, which does not have it`;
      const rival = cluster.otherOwner(slot, source);
      if (rival !== undefined) yield `slot ${slot} is taken from ${source} while ${rival} has it as well`;
      cluster.own(slot, target);
    }
  },
});

/** Makes a master the owner of slots that no node has, or to which it has the best claim: its config epoch is raised above all others. A rival that hears of it deletes its keys of the slot. */
export const claimSlots = actionRow({
  fields: { instance, slots: slotRanges },
  waits: false,
  sideBySide: false,
  inside: true,
  concernsCluster: true,
  nodesOf: (action) => [action.instance],
  describe: (action) => `make ${action.instance} the owner of ${describeSlots(action.slots)}`,
  *validate({ instance: id, slots }, cluster) {
    yield* mustBeMaster(cluster, id, "claims slots");
    for (const slot of eachSlot(slots)) {
      const rival = cluster.otherOwner(slot, id);
      if (rival !== undefined) yield `slot ${slot} is claimed by ${id} while ${rival} has it`;
      cluster.own(slot, id);
    }
  },
});

/** Takes slots from a node that is not to have them, so that its keys in them are kept until they are gathered. */
export const disownSlots = actionRow({
  fields: { instance, owner: instance, slots: slotRanges },
  waits: false,
  sideBySide: false,
  inside: true,
  concernsCluster: false,
  nodesOf: ({ instance: id, owner }) => [id, owner],
  describe: ({ instance: id, owner, slots }) => `take ${describeSlots(slots)} from ${id}, and keep its keys for ${owner}`,
  *validate({ instance: id, owner, slots }, cluster) {
    yield* mustAnswer(cluster, id);
    yield* mustBeMaster(cluster, owner, "is to own slots");
    if (id === owner) yield `${id} gives up slots for itself`;
    for (const slot of eachSlot(slots)) {
      if (!cluster.owns(id, slot)) yield `slot ${slot} is taken from ${id}, which does not have it`;
      cluster.disown(slot, id);
    }
  },
});

/** Brings keys that lie at a node that does not own their slot to the one that does. The owner's value is kept where there are two. */
export const gatherKeys = actionRow({
  fields: { slot: slotNumber, source: instance, target: instance },
  waits: false,
  sideBySide: false,
  inside: true,
  concernsCluster: false,
  nodesOf: ({ source, target }) => [source, target],
  describe: ({ slot, source, target }) => `bring the keys of slot ${slot} from ${source} to their owner ${target}`,
  *validate({ slot, source, target }, cluster) {
    yield* mustAnswer(cluster, source);
    if (!Number.isInteger(slot) || slot < 0 || slot >= SLOT_COUNT) yield `${slot} is not a slot`;
    if (source === target) yield `keys of slot ${slot} are brought from ${source} to itself`;
    if (!cluster.owns(target, slot)) yield `keys of slot ${slot} are brought to ${target}, which does not own it`;
    if (cluster.owns(source, slot)) yield `keys of slot ${slot} are brought from ${source}, which owns it`;
  },
});

/** Closes open slots (SETSLOT STABLE), and says who owns them. */
export const closeSlots = actionRow({
  fields: { instance, owner: instance, slots: slotRanges },
  waits: false,
  sideBySide: false,
  inside: true,
  concernsCluster: false,
  nodesOf: ({ instance: id, owner }) => [id, owner],
  describe: ({ instance: id, slots }) => `close ${describeSlots(slots)} at ${id}`,
  *validate({ instance: id, owner, slots }, cluster) {
    yield* mustAnswer(cluster, id);
    yield* mustBeMaster(cluster, owner, "is said to own slots");
    for (const slot of eachSlot(slots))
      if (!cluster.owns(owner, slot)) yield `slot ${slot} is closed at ${id} for ${owner}, which does not own it`;
  },
});

function* mustBeMaster(cluster: PlannedCluster, id: string, why: string): Iterable<string> {
  if (!cluster.isMaster(id)) yield `${id} is not a master and ${why}`;
}
