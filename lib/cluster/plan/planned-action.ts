import { describeAction } from "../model/actions/index.ts";
import type { ClusterAction, ClusterChangeReason, ClusterPlan } from "../model/types.ts";

export type PlannedAction = ClusterPlan["actions"][number];

/** An action with what it is for and its line for people. */
export function plannedAction(action: ClusterAction, reason: ClusterChangeReason): PlannedAction {
  return { action, reason, summary: describeAction(action) };
}
