import type { InstanceAccess } from "../../redis/types.ts";
import { concernsCluster, nodesOf } from "../model/actions/index.ts";
import { observeCluster } from "../model/observe.ts";
import { acquaintances, readTopology } from "../model/topology.ts";
import type { ClusterMember, ClusterPlan } from "../model/types.ts";

/**
 * The members that a plan may touch: those that it names, and those of their cluster, whether they answer now or not. A lab may have more, standbys and what else stands at its addresses, and a command that
 * introduces one of these would make it a member. Appliers get no others.
 */
export async function membersInReach(
  { actions }: Pick<ClusterPlan, "actions">,
  members: readonly ClusterMember[],
  access: InstanceAccess,
): Promise<readonly ClusterMember[]> {
  const named = new Set(actions.flatMap(({ action }) => nodesOf(action)));
  if (!actions.some(({ action }) => concernsCluster(action.kind))) return members.filter(({ id }) => named.has(id));
  const topology = readTopology(await observeCluster(members, access), members);
  const cluster = topology.components.flatMap(({ live }) => (live.some(({ id }) => named.has(id)) ? live : []));
  const known = cluster.flatMap(({ view }) =>
    acquaintances(view).flatMap((line) => {
      const identity = topology.identify(line);
      return identity.kind === "member" ? [identity.member.id] : [];
    }),
  );
  const inside = new Set([...named, ...cluster.map(({ id }) => id), ...known]);
  return members.filter(({ id }) => inside.has(id));
}
