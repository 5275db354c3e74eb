import { refusedPlan } from "../../cluster/model/errors.ts";
import { observeClusterView } from "../../cluster/model/view.ts";
import { assertPlanValid } from "../../cluster/plan/assert-plan.ts";
import { planCluster } from "../../cluster/plan/create-and-join.ts";
import { applyCounted, type ChangeOptions, type ChangeReport, planned } from "./change.ts";
import { withClusterLocked } from "./session.ts";

/** Forms the declared cluster of instances that run, or continues with one that is half formed. A formed one is left as it is. */
export async function createCluster(options: Omit<ChangeOptions, "verb" | "others">): Promise<ChangeReport> {
  const verb = "create";
  return withClusterLocked(options, verb, async (cluster) => {
    const { session, known } = cluster;
    const view = await observeClusterView(known, session.access);
    const plan = planCluster(view.topology.observation, known, { formerMembers: session.state.members });
    const refusals = plan.findings.filter(({ severity }) => severity === "refuses");
    if (refusals.length > 0) throw refusedPlan(refusals);
    assertPlanValid(plan, view);
    const report = planned(verb, plan, view, cluster);
    if (options.dryRun === true || plan.actions.length === 0)
      return { ...report, applied: options.dryRun !== true, changed: 0, moved: undefined };
    return { ...report, applied: true, ...(await applyCounted(plan, known, cluster, { verb })) };
  });
}
