import { applyCluster } from "../../cluster/apply.ts";
import { assertPlanValid } from "../../cluster/assert-plan.ts";
import { openMoves } from "../../cluster/journal.ts";
import { type LeavingParty, planHandOver } from "../../cluster/leave.ts";
import { lookWhenReady } from "../../cluster/look.ts";
import { observeCluster } from "../../cluster/observe.ts";
import { resumeMove } from "../../cluster/recover.ts";
import { readTopology } from "../../cluster/topology.ts";
import type { InstanceAccess } from "../../redis/types.ts";
import { failoverTimes } from "../failover-times.ts";
import type { Session } from "../session.ts";
import { moveOptions } from "./move-options.ts";

/**
 * Takes all slots from instances that leave: a shard goes to a replica of it that the lab declares a master, all else to the masters that stay. Nothing is done for instances without slots, or
 * where nobody could take them: then the leave itself says why it is refused.
 *
 * @returns what was done, in sentences without an end
 */
export async function handOverSlots(session: Session, party: LeavingParty, access: InstanceAccess): Promise<readonly string[]> {
  const members = [...party.declared, ...party.former];
  const options = {
    emit: session.emit,
    ...(session.signal !== undefined && { signal: session.signal }),
    move: moveOptions(session, "leave"),
    failovers: failoverTimes(session),
  };
  const topology = readTopology(await observeCluster(members, access), members);
  if (planHandOver(topology, party).length === 0) return [];
  for (const move of await openMoves(session.paths.journalFolder)) await resumeMove(move, members, access, options);
  const look = await lookWhenReady(members, access, { signal: session.signal });
  const plan = { actions: planHandOver(look.topology, party), findings: [] };
  assertPlanValid(plan, look);
  await applyCluster(plan, look.members, access, options);
  return plan.actions.filter(({ action }) => !action.kind.startsWith("await-")).map(({ summary }) => summary);
}
