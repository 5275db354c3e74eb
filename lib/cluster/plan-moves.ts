import { type Apportioning, type Holding, planDrain, planGrowth, planReshard } from "./apportion.ts";
import { describeSlotAction } from "./describe.ts";
import { badRequest } from "./errors.ts";
import { type ClusterLook, holdings } from "./look.ts";
import type { SlotMove } from "./move/types.ts";
import { type Loaded, planRebalance, planRebalanceByLoad, type Rebalance, type Weighted } from "./rebalance.ts";
import { findMaster } from "./references.ts";
import { SLOT_COUNT } from "./slots.ts";
import type { ClusterPlan } from "./types.ts";

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
export function reshardPlan({ from, to, slots, how = "largest-remainder" }: ReshardRequest, look: ClusterLook): ClusterPlan {
  if (!Number.isInteger(slots) || slots < 1 || slots > SLOT_COUNT)
    throw badRequest(`${slots} is no number of slots.`, `Give a whole number from 1 to ${SLOT_COUNT}.`);
  const target = findMaster(to, look);
  const named = from === "all" ? undefined : [...new Set(from.map((reference) => findMaster(reference, look).id))];
  if (named?.length === 0) throw badRequest("No source is named.", "Name masters that give slots, or `all`.");
  if (named?.includes(target.id) === true)
    throw badRequest(`${target.id} is to give slots and to get them.`, "Leave the target out of the sources.");
  const sources = holdings(look.cluster).filter(({ id }) => (named === undefined ? id !== target.id : named.includes(id)));
  const there = sources.reduce((sum, each) => sum + each.slots.length, 0);
  if (there < slots)
    throw badRequest(`The sources own ${there} slots, and ${slots} are to be moved.`, "Ask for fewer slots, or name more sources.");
  return movesAsPlan(planReshard(sources, target.id, slots, how), "reshard", look);
}

export interface RebalanceRequest {
  /** Shares by node reference. @default 1 each */
  readonly weights: ReadonlyMap<string, number>;
  /** Percent. @default 2 */
  readonly threshold?: number;
  /** Masters without slots take part. A weight of their own lets them take part as well. @default false */
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
  look: ClusterLook,
): RebalancePlan {
  if (!(threshold > 0 && threshold <= 100)) throw badRequest(`${threshold} is no threshold.`, "Give a percentage above 0, up to 100.");
  const byId = new Map<string, number>();
  for (const [reference, weight] of weights) {
    const { id } = findMaster(reference, look);
    if (byId.has(id)) throw badRequest(`${id} is given two weights.`, "Give each master one weight.");
    if (!(Number.isFinite(weight) && weight >= 0)) throw badRequest(`The weight of ${id} is ${weight}.`, "Give a number, 0 or greater.");
    byId.set(id, weight);
  }
  const masters = holdings(look.cluster)
    .filter(({ slots }) => useEmptyMasters || slots.length > 0)
    .map((each): Weighted => ({ ...each, weight: byId.get(each.id) ?? 1 }));
  if (!masters.some(({ weight }) => weight > 0)) throw badRequest("All masters have the weight 0.", "Give at least one of them a share.");
  const rebalance =
    loads === undefined
      ? planRebalance(masters, threshold)
      : planRebalanceByLoad(
          masters.map((each): Loaded => ({ ...each, loads: loads.get(each.id) ?? new Map() })),
          threshold,
        );
  return { ...movesAsPlan(rebalance.moves, "rebalance", look), rebalance };
}

/** Everything that some masters own, to the others. @throws LabError `cluster.bad-request`, and those of `findMaster` */
export function drainPlan(references: readonly string[], look: ClusterLook): ClusterPlan {
  const leaving = new Set(references.map((reference) => findMaster(reference, look).id));
  const all = holdings(look.cluster);
  const staying = all.filter(({ id, slots }) => !leaving.has(id) && slots.length > 0);
  const moves = drainMoves(
    all.filter(({ id }) => leaving.has(id)),
    staying.length > 0 ? staying : all.filter(({ id }) => !leaving.has(id)),
  );
  return movesAsPlan(moves, "drain", look);
}

function drainMoves(leaving: readonly Holding[], staying: readonly Holding[]): readonly SlotMove[] {
  if (staying.length === 0)
    throw badRequest("No master stays that could take the slots.", "Leave at least one master out of those that are drained.");
  return planDrain(leaving, staying);
}

/** Masters that own nothing get their share. Pure. */
export function growthMoves(newcomers: readonly string[], { cluster }: Pick<ClusterLook, "cluster">): readonly SlotMove[] {
  return planGrowth(
    holdings(cluster).filter(({ id, slots }) => slots.length > 0 && !newcomers.includes(id)),
    newcomers,
  );
}

/** Moves, and the wait until everybody knows of them; nothing where there are none. */
export function movesAsPlan(
  moves: readonly SlotMove[],
  reason: ClusterPlan["actions"][number]["reason"],
  { cluster }: Pick<ClusterLook, "cluster">,
): ClusterPlan {
  if (moves.length === 0) return { actions: [], findings: [] };
  return {
    findings: [],
    actions: [
      ...moves.map((move) => {
        const action = { kind: "move-slots", ...move } as const;
        return { action, reason, summary: describeSlotAction(action) };
      }),
      agreement(
        cluster.live.map(({ id }) => id),
        reason,
      ),
    ],
  };
}

/** The gate after a change: nothing is done until all nodes tell the same. */
export function agreement(instances: readonly string[], reason: ClusterPlan["actions"][number]["reason"]): ClusterPlan["actions"][number] {
  return { action: { kind: "await-formed", instances }, reason, summary: `wait until ${instances.length} nodes agree` };
}
