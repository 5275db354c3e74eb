import { plural } from "../../base/text.ts";
import type { InstanceAccess } from "../../redis/types.ts";
import type { LostMaster } from "../findings/lost-masters.ts";
import { describeSlots } from "../model/describe.ts";
import { notReady } from "../model/errors.ts";
import { observeCluster } from "../model/observe.ts";
import { eachSlot } from "../model/slots.ts";
import { clusterAround, type LiveNode, ownSlots, readTopology } from "../model/topology.ts";
import type { ClusterAction, ClusterMember, ClusterPlan } from "../model/types.ts";
import { type PlannedAction, plannedAction } from "../plan/planned-action.ts";
import { applyChecked } from "./apply-checked.ts";
import type { ClusterApplyOptions } from "./options.ts";
import { agreed, describeRejoin, rejoin } from "./rejoin.ts";

// A master whose identity is gone keeps its slots in the eyes of the others, and nobody ever takes it for failed, as it has no address any more. Its replica is not elected, and what stands at its address now is a stranger with an
// older data set. The replica has the newest copy: it takes over. The stranger would lose its data in the first packet of a higher epoch, so what it has otherwise is saved before it becomes a replica.

/** A lost master that a replica can stand for. */
export interface Rescue {
  readonly lost: LostMaster;
  readonly heir: LiveNode;
}

/**
 * The lost masters for which a replica can take over. Pure.
 *
 * @param whatever true: also where it is in doubt that the master is gone, because a person said so
 */
export function rescuesOf(lost: readonly LostMaster[], whatever = false): readonly Rescue[] {
  return lost.flatMap((each) => {
    const [heir] = each.heirs;
    return heir === undefined || (each.doubt !== undefined && !whatever) ? [] : [{ lost: each, heir }];
  });
}

/** What is done, one line for each node. Pure. */
export function describeRescue({ lost, heir }: Rescue): readonly string[] {
  const { newcomer } = lost;
  return [
    `let ${heir.id} take over ${describeSlots(lost.slots)} of ${lost.name}, with ${heir.keys} keys`,
    ...(newcomer === undefined ? [] : [describeRejoin({ node: newcomer, master: heir })]),
  ];
}

/** @throws LabError those of the actions; `cluster.values-differ` without a quarantine for what the newcomer has otherwise */
export async function applyRescue(
  { lost, heir }: Rescue,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: ClusterApplyOptions,
): Promise<void> {
  const { newcomer, nodeId } = lost;
  const [takes] = describeRescue({ lost, heir });
  const apply = (...actions: ClusterPlan["actions"]) => applyChecked(actions, heir.id, members, access, options);
  await apply({ ...step({ kind: "take-over", instance: heir.id, how: "takeover" }), ...(takes !== undefined && { summary: takes }) });
  const cluster = async () => clusterAround(readTopology(await observeCluster(members, access), members), heir.id).live;
  await agreed(await cluster(), access, options);
  const owned = new Set((await cluster()).flatMap((node) => (node.id === heir.id ? [...eachSlot(ownSlots(node))] : [])));
  const missing = [...eachSlot(lost.slots)].filter((slot) => !owned.has(slot));
  if (missing.length > 0)
    throw notReady([{ text: `${heir.id} took over from ${lost.name}, and does not own ${plural(missing.length, "slot")} of it.` }]);
  if (lost.why === "identity") {
    const by = (await cluster()).filter(({ view, self }) => self.masterId !== nodeId && view.some(({ id }) => id === nodeId));
    const summary = `make ${by.length} nodes forget the former identity of ${lost.name} (node id ${nodeId.slice(0, 8)}…)`;
    if (by.length > 0) await apply({ ...step({ kind: "forget-node", leaving: nodeId, nodeId, by: by.map(({ id }) => id) }), summary });
  }
  if (newcomer !== undefined) await rejoin({ node: newcomer, master: heir }, members, access, options);
}

function step(action: ClusterAction): PlannedAction {
  return plannedAction(action, "fix");
}
