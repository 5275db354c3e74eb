import * as v from "valibot";
import type { SlotRange } from "../../../redis/types.ts";
import { countSlots, SLOT_COUNT } from "../slots.ts";
import type { PlannedCluster } from "./planned-cluster.ts";

/** Schemas by field of an action, in the order in which a saved plan has them. `kind` is the name of the row. */
type ActionFields = Readonly<Record<string, v.GenericSchema>>;

/** The fields as an action has them. */
export type FieldsOf<Fields extends ActionFields> = { readonly [Name in keyof Fields]: v.InferOutput<Fields[Name]> };

/** Everything about a kind of action but how it is carried out, which is `APPLIERS` of apply/apply.ts. Pure. */
export interface ActionRow<Fields extends ActionFields> {
  /** Instances by id, times in milliseconds. */
  readonly fields: Fields;
  /** Waits for something, and changes nothing. */
  readonly waits: boolean;
  /** Neighbours of this kind in a plan are carried out at the same time: to each the others are of no matter. */
  readonly sideBySide: boolean;
  /** Every node that it names has to be in the cluster when its turn comes. False for what makes a node ready for a cluster, introduces it, or makes it leave. */
  readonly inside: boolean;
  /** It concerns the rest of the cluster as well: a new owner of a slot is sent to the other masters, a raised config epoch to all, and who leads a shard or has left is looked for everywhere. */
  readonly concernsCluster: boolean;
  /** Every instance that the action names: no other one may be touched by it, but those of their cluster where it concerns that. */
  nodesOf(action: FieldsOf<Fields>): readonly string[];
  /** One line for people, without a full stop. */
  describe(action: FieldsOf<Fields>): string;
  /** What is wrong with it at its place in a plan; makes its effects on the planned cluster. */
  validate(action: FieldsOf<Fields>, cluster: PlannedCluster): Iterable<string>;
}

/** A row of the table, which TypeScript refuses where a part is missing. */
export function actionRow<const Fields extends ActionFields>(row: ActionRow<Fields>): ActionRow<Fields> {
  return row;
}

// A saved plan is read with these schemas, and what they let through is shown on a terminal and gone through slot by slot.

/** An instance, by id: `HOST:PORT`, an address with its port, or the node id of one that is gone. */
export const instance: v.GenericSchema<string> = v.pipe(v.string(), v.regex(/^[\w.:[\]-]{1,300}$/, "is not an instance"));
export const instances: v.GenericSchema<readonly string[]> = v.array(instance);
/** 40 hexadecimal digits. */
export const nodeId: v.GenericSchema<string> = v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/, "is not a node id"));
export const number: v.GenericSchema<number> = v.pipe(v.number(), v.safeInteger("is not a whole number"), v.minValue(0, "is less than 0"));
export const slotNumber: v.GenericSchema<number> = v.pipe(
  v.number(),
  v.integer("is not a slot"),
  v.minValue(0, "is not a slot"),
  v.maxValue(SLOT_COUNT - 1, "is not a slot"),
);
export const slotRanges: v.GenericSchema<readonly SlotRange[]> = v.pipe(
  v.array(
    v.pipe(
      v.strictObject({ first: slotNumber, last: slotNumber }),
      v.check(({ first, last }) => first <= last, "ends before it begins"),
    ),
  ),
  v.check((ranges) => countSlots(ranges) <= SLOT_COUNT, "names slots twice"),
);
