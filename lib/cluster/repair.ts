import type { InstanceAccess } from "../redis/types.ts";
import { applyCluster } from "./apply.ts";
import type { ApplyOptions } from "./apply-options.ts";
import { countKeys } from "./count-keys.ts";
import { describeSlotAction } from "./describe.ts";
import { mastersGone } from "./errors.ts";
import { type KeyCounts, mastersOf, merged, planFix, type SlotFix, suspectSlots, unreachableMasters } from "./fix.ts";
import { observeCluster } from "./observe.ts";
import { type Component, clusterOf, readTopology, type Topology } from "./topology.ts";
import type { ClusterMember, ClusterPlan } from "./types.ts";

/** What a look for faults of slots found. */
export interface Diagnosis {
  readonly topology: Topology;
  readonly cluster: Component;
  readonly counts: KeyCounts;
  readonly fixes: readonly SlotFix[];
  /** Masters with slots that give no answer. */
  readonly unreachable: readonly string[];
}

/** Looks at every slot of every master that answers: who owns it, what is open, and where its keys are. */
export async function diagnose(members: readonly ClusterMember[], access: InstanceAccess): Promise<Diagnosis> {
  const topology = readTopology(await observeCluster(members, access), members);
  const cluster = clusterOf(topology);
  const counts = await countKeys(mastersOf(cluster), access);
  const fixes = planFix({ cluster, slots: suspectSlots(cluster, counts), counts });
  return { topology, cluster, counts, fixes, unreachable: unreachableMasters(topology, cluster) };
}

/** The fixes of a diagnosis as one plan. Pure. */
export function repairPlan({ fixes }: Pick<Diagnosis, "fixes">): ClusterPlan {
  const actions = merged(fixes.flatMap((fix) => fix.actions));
  return { actions: actions.map((action) => ({ action, reason: "fix", summary: describeSlotAction(action) })), findings: [] };
}

export interface RepairOptions extends ApplyOptions {
  /**
   * Go on although masters with slots can't be reached. Their slots are given to others, and what they hold is lost when they come back.
   * @default false
   */
  readonly withUnreachableMasters?: boolean;
}

/** How often faults that one fix leaves or that appear meanwhile are looked for again. */
const ROUNDS = 3;

/**
 * Puts all slots right, and looks again until nothing is left.
 *
 * @returns what is left; empty when all is well
 * @throws LabError `cluster.masters-gone`, and those of the actions
 */
export async function repair(
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: RepairOptions,
): Promise<readonly SlotFix[]> {
  for (let round = 0; ; round += 1) {
    const { fixes, unreachable } = await diagnose(members, access);
    if (unreachable.length > 0 && options.withUnreachableMasters !== true) throw mastersGone(unreachable);
    if (fixes.length === 0 || round === ROUNDS) return fixes;
    await applyCluster(repairPlan({ fixes }), members, access, { ...options, move: { conflict: "keep-source", ...options.move } });
  }
}
