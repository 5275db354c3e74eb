import { refusedPlan } from "../../cluster/errors.ts";
import { lookAtCluster } from "../../cluster/look.ts";
import { observeCluster } from "../../cluster/observe.ts";
import { planCluster } from "../../cluster/plan.ts";
import { applyCounted, type ChangeOptions, type ChangeReport, planned } from "./change.ts";
import { withClusterLocked } from "./session.ts";

/** Forms the declared cluster of instances that run, or continues with one that is half formed. A formed one is left as it is. */
export async function createCluster(options: Omit<ChangeOptions, "verb" | "others">): Promise<ChangeReport> {
  const verb = "create";
  return withClusterLocked(options, verb, async (cluster) => {
    const { session, known } = cluster;
    const look = await lookAtCluster(known, session.access);
    const plan = planCluster(await observeCluster(known, session.access), known, { formerMembers: session.state.members });
    const refusals = plan.findings.filter(({ severity }) => severity === "refuses");
    if (refusals.length > 0) throw refusedPlan(refusals.map(({ text }) => text));
    const report = planned(verb, plan, look, cluster);
    if (options.dryRun === true || plan.actions.length === 0)
      return { ...report, applied: options.dryRun !== true, changed: 0, moved: undefined };
    return { ...report, applied: true, ...(await applyCounted(plan, known, cluster, { verb })) };
  });
}
