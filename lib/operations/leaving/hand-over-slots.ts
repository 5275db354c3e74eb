import { applyCluster } from "../../cluster/apply/apply.ts";
import { openMoves } from "../../cluster/apply/journal.ts";
import { type ClusterLeaveContext, planHandOver } from "../../cluster/apply/leave.ts";
import { resumeMove } from "../../cluster/apply/resume-and-rollback.ts";
import { awaitReadyCluster } from "../../cluster/findings/ready-cluster.ts";
import { isWait } from "../../cluster/model/actions/index.ts";
import { observeCluster } from "../../cluster/model/observe.ts";
import { readTopology } from "../../cluster/model/topology.ts";
import { assertPlanValid } from "../../cluster/plan/assert-plan.ts";
import type { InstanceAccess } from "../../redis/types.ts";
import { moveOptions } from "../cluster/move-options.ts";
import { failoverTimes } from "../failover-times.ts";
import type { Session } from "../session.ts";

/**
 * Takes all slots from instances that leave: a shard goes to a replica of it that the lab declares a master, all else to the masters that stay. Nothing is done for instances without slots, or
 * where nobody could take them: then the leave itself says why it is refused.
 *
 * @returns what was done, in sentences without an end
 */
export async function handOverSlots(session: Session, context: ClusterLeaveContext, access: InstanceAccess): Promise<readonly string[]> {
  const members = [...context.declared, ...context.former];
  const options = {
    emit: session.emit,
    signal: session.signal,
    move: moveOptions(session, "leave"),
    failovers: failoverTimes(session),
  };
  const topology = readTopology(await observeCluster(members, access), members);
  if (planHandOver(topology, context).length === 0) return [];
  for (const move of await openMoves(session.paths.journalFolder)) await resumeMove(move, members, access, options);
  const view = await awaitReadyCluster(members, access, { signal: session.signal });
  const plan = { actions: planHandOver(view.topology, context), findings: [] };
  assertPlanValid(plan, view);
  await applyCluster(plan, view.members, access, options);
  return plan.actions.filter(({ action }) => !isWait(action)).map(({ summary }) => summary);
}
