import { observeClusterView } from "../../cluster/model/view.ts";
import { failoverPlan } from "../../cluster/plan/membership.ts";
import { applyCounted, type ChangeOptions, type ChangeReport, changeCluster, planned } from "./change.ts";
import { withClusterLocked } from "./session.ts";

type Options = Omit<ChangeOptions, "verb" | "others"> & { readonly node: string; readonly how: "planned" | "force" | "takeover" };

/** Makes a replica the master of its shard. A planned failover wants a healthy cluster; the other two are for one that is not. */
export async function failOver(options: Options): Promise<ChangeReport> {
  const verb = "failover";
  if (options.how === "planned") return changeCluster({ ...options, verb }, (view) => failoverPlan(options.node, "planned", view));
  return withClusterLocked(
    options,
    verb,
    async (cluster) => {
      const { session, known } = cluster;
      const view = await observeClusterView(known, session.access);
      const plan = failoverPlan(options.node, options.how, view);
      const report = planned(verb, plan, view, cluster);
      if (options.dryRun === true) return { ...report, applied: false, changed: 0, moved: undefined };
      return { ...report, applied: true, ...(await applyCounted(plan, view.members, cluster, { verb })) };
    },
    // A master that died in the middle of a move has to be replaced before the move can go on.
    { openMoveIsFine: true },
  );
}
