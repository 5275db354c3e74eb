import type { InstanceAccess, SlotRange } from "../../redis/types.ts";
import { type LostMaster, lostAdvice, lostMasters, lostText } from "../findings/lost-masters.ts";
import { type StrandedMember, strandedMembers } from "../findings/stranded.ts";
import { mastersGone } from "../model/errors.ts";
import { observeCluster } from "../model/observe.ts";
import { eachSlot } from "../model/slots.ts";
import { type Component, clusterOf, mastersOf, readTopology, type Topology } from "../model/topology.ts";
import type { ClusterMember, ClusterPlan } from "../model/types.ts";
import type { ClusterView } from "../model/view.ts";
import { assertPlanValid } from "../plan/assert-plan.ts";
import { countKeys } from "../plan/count-keys.ts";
import { type KeyCounts, merged, planFix, type SlotFix, suspectSlots } from "../plan/fix.ts";
import { plannedAction } from "../plan/planned-action.ts";
import { applyCluster } from "./apply.ts";
import { forgetGhost, type Ghost, ghostsIn } from "./ghosts.ts";
import type { ClusterApplyOptions } from "./options.ts";
import { rejoin } from "./rejoin.ts";
import { applyRescue, type Rescue, rescuesOf } from "./rescue.ts";

/** What a look for faults of slots found. */
export interface SlotFaults {
  readonly topology: Topology;
  readonly cluster: Component;
  readonly counts: KeyCounts;
  /** Slots of lost masters that a replica has, or that may be at work, are not among them. */
  readonly fixes: readonly SlotFix[];
  /** Lost masters for which a replica can take over: that comes first. */
  readonly rescues: readonly Rescue[];
  /** Lost masters for which none can, or for which it is in doubt whether one should. */
  readonly hopeless: readonly HopelessMaster[];
  /** Instances beside the cluster that have something, while others serve their shard. */
  readonly stranded: readonly StrandedMember[];
  /** Identities that nothing stands for any more. */
  readonly ghosts: readonly Ghost[];
}

export interface HopelessMaster {
  readonly lost: LostMaster;
  /** What is known of it, with what a copy beside the cluster still has. */
  readonly text: string;
  readonly next: string;
  /** False where the master may be at work, or a replica has its keys: its slots are never given away. */
  readonly mayBeGivenAway: boolean;
}

/** Looks at every slot of every master that answers: who owns it, what is open, and where its keys are. */
export async function findSlotFaults(members: readonly ClusterMember[], access: InstanceAccess): Promise<SlotFaults> {
  const topology = readTopology(await observeCluster(members, access), members);
  return slotFaultsIn({ topology, cluster: clusterOf(topology) }, access);
}

/** The same of a cluster that was looked at already; the keys of its slots are counted now. */
export async function slotFaultsIn(
  { topology, cluster }: Pick<ClusterView, "topology" | "cluster">,
  access: InstanceAccess,
): Promise<SlotFaults> {
  const counts = await countKeys(mastersOf(cluster), access);
  const lost = lostMasters(topology, cluster);
  const rescues = rescuesOf(lost);
  const kept = new Set(lost.filter((each) => !mayBeGivenAway(each)).flatMap((each) => [...eachSlot(each.slots)]));
  const slots = suspectSlots(cluster, counts).filter((slot) => !kept.has(slot));
  const hopeless = lost.filter((each) => !rescues.some((rescue) => rescue.lost === each)).map((each) => describeHopeless(each, access));
  return {
    topology,
    cluster,
    counts,
    fixes: planFix({ cluster, slots, counts }),
    rescues,
    hopeless: await Promise.all(hopeless),
    stranded: strandedMembers(topology, cluster),
    ghosts: ghostsIn(topology, cluster),
  };
}

function mayBeGivenAway({ why, heirs }: LostMaster): boolean {
  return why !== "elsewhere" && heirs.length === 0;
}

/** Lost masters that nothing is done about: all, or those that may not be given away although it was asked for. Pure. */
export function refusedMasters(hopeless: readonly HopelessMaster[], giveAwayEmpty: boolean | undefined): readonly HopelessMaster[] {
  return hopeless.filter((each) => giveAwayEmpty !== true || !each.mayBeGivenAway);
}

async function describeHopeless(lost: LostMaster, access: InstanceAccess): Promise<HopelessMaster> {
  const { newcomer, slots } = lost;
  const keys = newcomer === undefined ? 0 : await keysIn(newcomer, slots, access);
  const copy = keys === 0 ? "" : ` ${newcomer?.id}, beside the cluster, has ${keys} ${keys === 1 ? "key" : "keys"} of them.`;
  return { lost, text: `${lostText(lost)}${copy}`, next: lostAdvice(lost), mayBeGivenAway: mayBeGivenAway(lost) };
}

async function keysIn(node: NonNullable<LostMaster["newcomer"]>, slots: readonly SlotRange[], access: InstanceAccess): Promise<number> {
  const counts = (await countKeys([node], access, [...eachSlot(slots)])).get(node.id) ?? new Map<number, number>();
  return [...counts.values()].reduce((sum, each) => sum + each, 0);
}

/** The fixes of a diagnosis as one plan. Pure. */
export function fixPlan({ fixes }: Pick<SlotFaults, "fixes">): ClusterPlan {
  const actions = merged(fixes.flatMap((fix) => fix.actions));
  return { actions: actions.map((action) => plannedAction(action, "fix")), findings: [] };
}

export interface FixOptions extends ClusterApplyOptions {
  /**
   * Give slots of masters that are lost, and of which no replica answers, to others. What they hold is lost when they come back.
   * @default false
   */
  readonly giveAwayEmpty?: boolean | undefined;
}

/** How often faults that one fix leaves or that appear meanwhile are looked for again. */
const ROUNDS = 3;
/** After them: what stands beside the cluster joins, then what is gone is forgotten, and each of the two once more. */
const LAST_ROUNDS = ROUNDS + 4;

/**
 * Puts all slots right, and looks again until nothing is left. Replicas of lost masters take over first; slots of which no copy answers are given away on request alone. What
 * stands beside the cluster with data of its own, and has its place behind another, comes last, and so does forgetting identities that are gone: also what a run that was cut off left.
 *
 * @returns what is left; empty when all is well
 * @throws LabError `cluster.masters-gone`, `cluster.invalid-plan`, and those of the actions
 */
export async function applyFix(
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: FixOptions,
): Promise<readonly SlotFix[]> {
  const apply = { ...options, move: { conflict: "keep-source" as const, ...options.move } };
  for (let round = 0; ; round += 1) {
    const { fixes, rescues, hopeless, stranded, ghosts, topology, cluster } = await findSlotFaults(members, access);
    // What was given up is not a finding.
    options.signal?.throwIfAborted();
    const [rescue] = rescues;
    if (rescue !== undefined && round < ROUNDS) {
      for (const each of rescues) await applyRescue(each, members, access, apply);
      continue;
    }
    const refused = refusedMasters(hopeless, options.giveAwayEmpty);
    if (refused.length > 0) throw mastersGone(refused);
    for (const { text } of hopeless) options.emit({ type: "notice", level: "warning", text: `${givenAway(text)}` });
    if (fixes.length === 0) {
      if (stranded.length + ghosts.length === 0 || round >= LAST_ROUNDS) return fixes;
      for (const each of stranded) await rejoin(each, members, access, apply);
      // Who has just joined may know of them, too: they are looked for again.
      if (stranded.length === 0) for (const each of ghosts) await forgetGhost(each, members, access, apply);
      continue;
    }
    if (round >= ROUNDS) return fixes;
    const plan = fixPlan({ fixes });
    assertPlanValid(plan, { members, topology, cluster });
    await applyCluster(plan, members, access, apply);
  }
}

/** The line about slots that are given away. */
export function givenAway(text: string): string {
  return `Slots are given away empty: ${text}`;
}
