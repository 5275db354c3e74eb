import type { InstanceAccess } from "../../redis/types.ts";
import { observeCluster } from "../model/observe.ts";
import { clusterAround, readTopology } from "../model/topology.ts";
import type { ClusterMember, ClusterPlan } from "../model/types.ts";
import { assertPlanValid } from "../plan/assert-plan.ts";
import { applyCluster } from "./apply.ts";
import type { ClusterApplyOptions } from "./options.ts";

/**
 * Looks once more, checks actions against what is seen, and carries them out.
 *
 * @param around an instance of the cluster that is meant
 * @throws LabError `cluster.invalid-plan` before anything is done, and those of `applyCluster`
 */
export async function applyChecked(
  actions: ClusterPlan["actions"],
  around: string,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: ClusterApplyOptions,
): Promise<void> {
  const plan: ClusterPlan = { actions, findings: [] };
  const topology = readTopology(await observeCluster(members, access), members);
  assertPlanValid(plan, { members, topology, cluster: clusterAround(topology, around) });
  await applyCluster(plan, members, access, options);
}
