import type { InstanceAccess } from "../../redis/types.ts";
import { observeCluster } from "../model/observe.ts";
import { clusterOf, mastersOf, readTopology } from "../model/topology.ts";
import type { ClusterMember } from "../model/types.ts";
import { moveSlots } from "../move/run.ts";
import type { MoveReport } from "../move/types.ts";
import { assertPlanValid } from "../plan/assert-plan.ts";
import { countKeys } from "../plan/count-keys.ts";
import { planFix, suspectSlots } from "../plan/fix.ts";
import { applyCluster } from "./apply.ts";
import { fixPlan } from "./fix.ts";
import { continueJournal, type OpenMove } from "./journal.ts";
import type { ClusterApplyOptions } from "./options.ts";

/** Finishes a move that an earlier process began: what was open first, then the rest of it. Masters that failed meanwhile are stood for by their replicas. */
export async function resumeMove(
  move: OpenMove,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: ClusterApplyOptions,
): Promise<MoveReport> {
  const { emit, signal } = options;
  return moveSlots(move.moves, members, access, {
    conflict: "keep-source",
    ...options.move,
    emit,
    signal,
    log: async () => continueJournal(move.file),
    opened: move.open,
    shardMembers: move.shardMembers,
  });
}

/** What a rollback did. */
export interface RollbackReport {
  /** Slots that were open, or had keys at both ends, and are whole at their owner again. */
  readonly slots: readonly number[];
  /** Slots that had arrived before: they stay where they are. */
  readonly arrived: number;
}

/** Closes what an earlier process left open, with the keys back at the owner of each slot. Slots that had arrived stay where they are. */
export async function rollBackMove(
  move: OpenMove,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: ClusterApplyOptions,
): Promise<RollbackReport> {
  const topology = readTopology(await observeCluster(members, access), members);
  const cluster = clusterOf(topology);
  const counts = await countKeys(mastersOf(cluster), access);
  const slots = suspectSlots(cluster, counts).filter((slot) => move.open.has(slot));
  const fixes = planFix({ cluster, slots, counts, finish: false });
  const plan = fixPlan({ fixes });
  assertPlanValid(plan, { members, topology, cluster });
  await applyCluster(plan, members, access, options);
  await continueJournal(move.file).end();
  return { slots, arrived: move.arrived };
}
