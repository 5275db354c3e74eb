import * as v from "valibot";
import * as forming from "./forming.ts";
import * as nodes from "./nodes.ts";
import type { PlannedCluster } from "./planned-cluster.ts";
import type { ActionRow, FieldsOf } from "./row.ts";
import * as slots from "./slots.ts";

const FORMING_ACTIONS = {
  "set-config-epoch": forming.setConfigEpoch,
  "add-slots": forming.addSlots,
  forget: forming.forget,
  meet: forming.meet,
  "await-joined": forming.awaitJoined,
  replicate: forming.replicate,
  "await-formed": forming.awaitFormed,
};

const NODE_ACTIONS = {
  "forget-node": nodes.forgetNode,
  reset: nodes.reset,
  "fail-over": nodes.failOver,
  "take-over": nodes.takeOver,
  "set-node-timeout": nodes.setNodeTimeout,
};

const SLOT_ACTIONS = {
  "move-slots": slots.moveSlots,
  "claim-slots": slots.claimSlots,
  "disown-slots": slots.disownSlots,
  "gather-keys": slots.gatherKeys,
  "close-slots": slots.closeSlots,
};

/**
 * Every kind of action of a cluster plan: one command, or one wait. A kind is one row here, and one of `APPLIERS` in apply/apply.ts; the union of actions, the schema of saved plans, the rules of
 * the checker and the summaries all come from it. Every action can be carried out again.
 */
const ACTIONS = { ...FORMING_ACTIONS, ...NODE_ACTIONS, ...SLOT_ACTIONS };

type Table = typeof ACTIONS;
export type ClusterActionKind = keyof Table;

/** The action of a kind. Instances by id. */
export type ClusterActionOf<Kind extends ClusterActionKind> = {
  [K in Kind]: { readonly kind: K } & FieldsOf<Table[K]["fields"]>;
}[Kind];

/** One command of a cluster plan, or one wait. */
export type ClusterAction = ClusterActionOf<ClusterActionKind>;
/** What is done to nodes of a formed cluster. */
export type MemberAction = ClusterActionOf<keyof typeof NODE_ACTIONS>;
/** What is done to slots. */
export type SlotAction = ClusterActionOf<keyof typeof SLOT_ACTIONS>;

/** The same table, by which TypeScript knows that the row of a kind takes the actions of that kind. */
const rows: { readonly [Kind in ClusterActionKind]: ActionRow<Table[Kind]["fields"]> } = ACTIONS;

export const CLUSTER_ACTION_KINDS = Object.keys(ACTIONS) as readonly ClusterActionKind[];

/** One line for people, without a full stop. */
export function describeAction<Kind extends ClusterActionKind>(action: ClusterActionOf<Kind>): string {
  return rows[action.kind].describe(action);
}

/** Every instance that an action names, by id; no other one may be touched by it, but those of their cluster where it concerns that. */
export function nodesOf<Kind extends ClusterActionKind>(action: ClusterActionOf<Kind>): readonly string[] {
  return rows[action.kind].nodesOf(action);
}

/** What is wrong with an action at its place in a plan; makes its effects on the planned cluster. */
export function validateAction<Kind extends ClusterActionKind>(action: ClusterActionOf<Kind>, cluster: PlannedCluster): Iterable<string> {
  return rows[action.kind].validate(action, cluster);
}

/** It waits for something, and changes nothing. */
export function isWait({ kind }: Pick<ClusterAction, "kind">): boolean {
  return rows[kind].waits;
}

/** Neighbours of this kind in a plan are carried out at the same time. */
export function goesSideBySide(kind: ClusterActionKind): boolean {
  return rows[kind].sideBySide;
}

/** Nodes of this kind of action have to be in the cluster. */
export function staysInside(kind: ClusterActionKind): boolean {
  return rows[kind].inside;
}

/** It concerns the rest of the cluster of its nodes as well. */
export function concernsCluster(kind: ClusterActionKind): boolean {
  return rows[kind].concernsCluster;
}

/** An action as a saved plan has it. */
export function actionSchema(): v.GenericSchema<ClusterAction> {
  const schemas = CLUSTER_ACTION_KINDS.map((kind) => v.strictObject({ kind: v.literal(kind), ...rows[kind].fields }));
  // The type comes from the very same fields; that each kind has its own is lost on the way through the list.
  return v.variant("kind", schemas) as v.GenericSchema<unknown, ClusterAction> as v.GenericSchema<ClusterAction>;
}
