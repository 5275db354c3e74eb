import { lookAtCluster } from "../../cluster/look.ts";
import { failoverPlan } from "../../cluster/membership.ts";
import { applyCounted, type ChangeOptions, type ChangeReport, changeCluster, planned } from "./change.ts";
import { withClusterLocked } from "./session.ts";

type Options = Omit<ChangeOptions, "verb" | "others"> & { readonly node: string; readonly how: "planned" | "force" | "takeover" };

/** Makes a replica the master of its shard. A planned failover wants a healthy cluster; the other two are for one that is not. */
export async function failOver(options: Options): Promise<ChangeReport> {
  const verb = "failover";
  if (options.how === "planned") return changeCluster({ ...options, verb }, (look) => failoverPlan(options.node, "planned", look));
  return withClusterLocked(
    options,
    verb,
    async (cluster) => {
      const { session, known } = cluster;
      const look = await lookAtCluster(known, session.access);
      const plan = failoverPlan(options.node, options.how, look);
      const report = planned(verb, plan, look, cluster);
      if (options.dryRun === true) return { ...report, applied: false, changed: 0, moved: undefined };
      return { ...report, applied: true, ...(await applyCounted(plan, look.members, cluster, { verb })) };
    },
    // A master that died in the middle of a move has to be replaced before the move can go on.
    { openMoveIsFine: true },
  );
}
