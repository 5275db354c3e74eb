import { badRequest } from "../model/errors.ts";
import { SLOT_COUNT } from "../model/slots.ts";
import type { ClusterFinding, ClusterPlan } from "../model/types.ts";
import type { ClusterView } from "../model/view.ts";
import type { SlotMove } from "../move/types.ts";
import { type Apportioning, type Holding, holdings, planDrain, planGrowth, planReshard } from "./apportion.ts";
import { plannedAction } from "./planned-action.ts";
import { type Loaded, planRebalance, planRebalanceByLoad, type Rebalance, type Weighted } from "./rebalance.ts";
import { findMaster } from "./references.ts";

// Requests as users make them, checked against the cluster as it stands, and turned into plans. Pure.

export interface ReshardRequest {
  /** Nodes that give slots, or `all` other masters. */
  readonly from: "all" | readonly string[];
  readonly to: string;
  readonly slots: number;
  /** @default largest-remainder */
  readonly how?: Apportioning;
}

/** @throws LabError `cluster.bad-request`, and those of `findMaster` */
export function reshardPlan({ from, to, slots, how = "largest-remainder" }: ReshardRequest, view: ClusterView): ClusterPlan {
  if (!Number.isInteger(slots) || slots < 1 || slots > SLOT_COUNT)
    throw badRequest(`${slots} is not a number of slots.`, `Give a whole number from 1 to ${SLOT_COUNT}.`);
  const target = findMaster(to, view);
  const named = from === "all" ? undefined : [...new Set(from.map((reference) => findMaster(reference, view).id))];
  if (named?.length === 0) throw badRequest("No source is named.", "Name masters that give slots, or `all`.");
  if (named?.includes(target.id) === true)
    throw badRequest(`${target.id} is to give slots and to get them.`, "Leave the target out of the sources.");
  const sources = holdings(view.cluster).filter(({ id }) => (named === undefined ? id !== target.id : named.includes(id)));
  const there = sources.reduce((sum, each) => sum + each.slots.length, 0);
  if (there < slots)
    throw badRequest(`The sources own ${there} slots, and ${slots} are to be moved.`, "Ask for fewer slots, or name more sources.");
  return movesAsPlan(planReshard(sources, target.id, slots, how), "reshard", view);
}

export interface RebalanceRequest {
  /** Shares by node reference. @default 1 each */
  readonly weights: ReadonlyMap<string, number>;
  /** Percent. @default 2 */
  readonly threshold?: number;
  /** Masters without slots take part; without it they are left out, and named in a note. @default false */
  readonly useEmptyMasters?: boolean;
  /** What is made even, with what each slot weighs by master. @default slots, which weigh the same */
  readonly loads?: ReadonlyMap<string, ReadonlyMap<number, number>>;
}

export interface RebalancePlan extends ClusterPlan {
  readonly rebalance: Rebalance;
}

/** @throws LabError `cluster.bad-request`, and those of `findMaster` */
export function rebalancePlan(
  { weights, threshold = 2, useEmptyMasters = false, loads }: RebalanceRequest,
  view: ClusterView,
): RebalancePlan {
  if (!(threshold > 0 && threshold <= 100)) throw badRequest(`${threshold} is not a threshold.`, "Give a percentage above 0, up to 100.");
  const byId = new Map<string, number>();
  for (const [reference, weight] of weights) {
    const { id } = findMaster(reference, view);
    if (byId.has(id)) throw badRequest(`${id} is given two weights.`, "Give each master one weight.");
    if (!(Number.isFinite(weight) && weight >= 0)) throw badRequest(`The weight of ${id} is ${weight}.`, "Give a number, 0 or greater.");
    byId.set(id, weight);
  }
  const all = holdings(view.cluster);
  const takesPart = ({ slots }: Holding) => useEmptyMasters || slots.length > 0;
  const masters = all.filter(takesPart).map((each): Weighted => ({ ...each, weight: byId.get(each.id) ?? 1 }));
  const leftOut = all.filter((each) => !takesPart(each)).map(({ id }) => id);
  if (!masters.some(({ weight }) => weight > 0)) throw badRequest("All masters have the weight 0.", "Give at least one of them a share.");
  const rebalance =
    loads === undefined
      ? planRebalance(masters, threshold)
      : planRebalanceByLoad(
          masters.map((each): Loaded => ({ ...each, loads: loads.get(each.id) ?? new Map() })),
          threshold,
        );
  return { ...movesAsPlan(rebalance.moves, "rebalance", view), findings: leftOut.map(emptyMaster), rebalance };
}

function emptyMaster(id: string): ClusterFinding {
  return {
    code: "empty-master",
    severity: "note",
    instance: id,
    text: `${id} is a master without slots, and is left out.`,
    next: "Run the same command with --use-empty-masters: it gets a share then.",
  };
}

/** Everything that some masters own, to the others. @throws LabError `cluster.bad-request`, and those of `findMaster` */
export function drainPlan(references: readonly string[], view: ClusterView): ClusterPlan {
  const leaving = new Set(references.map((reference) => findMaster(reference, view).id));
  const all = holdings(view.cluster);
  const staying = all.filter(({ id, slots }) => !leaving.has(id) && slots.length > 0);
  const moves = drainMoves(
    all.filter(({ id }) => leaving.has(id)),
    staying.length > 0 ? staying : all.filter(({ id }) => !leaving.has(id)),
  );
  return movesAsPlan(moves, "drain", view);
}

function drainMoves(leaving: readonly Holding[], staying: readonly Holding[]): readonly SlotMove[] {
  if (staying.length === 0)
    throw badRequest("No master stays that could take the slots.", "Leave at least one master out of those that are drained.");
  return planDrain(leaving, staying);
}

/** Masters that own nothing get their share. Pure. */
export function growthMoves(newcomers: readonly string[], { cluster }: Pick<ClusterView, "cluster">): readonly SlotMove[] {
  return planGrowth(
    holdings(cluster).filter(({ id, slots }) => slots.length > 0 && !newcomers.includes(id)),
    newcomers,
  );
}

/** Moves, and the wait until everybody knows of them; nothing where there are none. */
export function movesAsPlan(
  moves: readonly SlotMove[],
  reason: ClusterPlan["actions"][number]["reason"],
  { cluster }: Pick<ClusterView, "cluster">,
): ClusterPlan {
  if (moves.length === 0) return { actions: [], findings: [] };
  return {
    findings: [],
    actions: [
      ...moves.map((move) => plannedAction({ kind: "move-slots", ...move }, reason)),
      agreement(
        cluster.live.map(({ id }) => id),
        reason,
      ),
    ],
  };
}

/** The gate after a change: nothing is done until all nodes tell the same. */
export function agreement(instances: readonly string[], reason: ClusterPlan["actions"][number]["reason"]): ClusterPlan["actions"][number] {
  return plannedAction({ kind: "await-formed", instances }, reason);
}
