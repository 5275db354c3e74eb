import { describeAction, nodesOf, staysInside, validateAction } from "../model/actions/index.ts";
import { PlannedCluster, type PlannedNode } from "../model/actions/planned-cluster.ts";
import { invalidPlan } from "../model/errors.ts";
import { type Component, clusterAround, type LiveNode, ownersOf, ownSlots } from "../model/topology.ts";
import type { ClusterPlan } from "../model/types.ts";
import type { ClusterView } from "../model/view.ts";

/**
 * Goes through a plan as the cluster would, without knowing how it was made, and refuses what must not happen by the rule of each kind of action (model/actions/): slots from who does not have
 * them, slots or replicas to who is not a master, a node that is forgotten or reset with slots, keys that would be deleted, a node that is touched and not in the cluster, a wait for a node that can't come; and in the end, a slot without an owner
 * that had one. The plans of `up`, of the cluster verbs and of a rescue are checked by it before they are applied; a forced failover, a reset, the steps of a leave and redis-trib are not. Pure.
 *
 * @throws LabError `cluster.invalid-plan`, a defect of the planner
 */
export function assertPlanValid(plan: ClusterPlan, view: ClusterView): void {
  const faults = planFaults(plan, view);
  if (faults.length > 0) throw invalidPlan(faults);
}

/** What `assertPlanValid` refuses, each once; for a plan that redis-lab did not make just now. Pure. */
export function planFaults(plan: ClusterPlan, view: ClusterView): readonly string[] {
  const faults: string[] = [];
  const cluster = plannedCluster(plan, view);
  const { covered } = cluster;
  for (const { action } of plan.actions) {
    for (const id of nodesOf(action)) {
      if (!cluster.known.has(id)) faults.push(`${id} is not a node that is known here`);
      else if (staysInside(action.kind) && !cluster.isInside(id))
        faults.push(`${id} is not in the cluster, and would be touched by "${describeAction(action)}"`);
    }
    faults.push(...validateAction(action, cluster));
  }
  if (cluster.covered < covered) faults.push("slots are left without an owner");
  return [...new Set(faults)];
}

function plannedCluster(plan: ClusterPlan, view: ClusterView): PlannedCluster {
  const { members, topology } = view;
  const cluster = clusterOfPlan(plan, view);
  const nameOf = (nodeId: string) => topology.instanceOf(nodeId) ?? nodeId;
  const planned = (node: LiveNode): PlannedNode => ({
    id: node.id,
    nodeId: node.nodeId,
    role: node.self.role,
    follows: node.self.masterId === undefined ? undefined : nameOf(node.self.masterId),
    masterId: node.self.masterId,
    slots: ownSlots(node),
    keys: node.keys,
  });
  const others = topology.components.filter((component) => component !== cluster);
  const groups = [cluster, ...others].map(({ live }) => live.map(planned));
  const living = new Set([...topology.live.values()].map(({ nodeId }) => nodeId));
  const absentOwners = [...ownersOf(cluster)].filter((nodeId) => !living.has(nodeId)).map(nameOf);
  // An identity that is gone and that some still know is named by its node id.
  const ghosts = cluster.live.flatMap(({ view }) => view.map(({ id }) => id));
  const known = [...members.map(({ id }) => id), ...topology.live.keys(), ...ghosts];
  return new PlannedCluster(groups, known, absentOwners);
}

/** A cluster that is not formed yet is where its seed is, however many other nodes know each other. */
function clusterOfPlan({ actions }: ClusterPlan, { topology, cluster }: ClusterView): Component {
  if (cluster.formed) return cluster;
  const [seed] = actions.flatMap(({ action }) => (action.kind === "meet" ? [action.seed] : []));
  const around = seed === undefined ? cluster : clusterAround(topology, seed);
  return around.live.length === 0 ? cluster : around;
}
