import { LEAST_NODE_TIMEOUT_MS } from "../model/actions/nodes.ts";
import { badRequest, notEmptyNode, notPossibleNow } from "../model/errors.ts";
import { countSlots } from "../model/slots.ts";
import { acquaintances, currentMasterOf, isIsolated, type LiveNode, mastersOf, ownSlots } from "../model/topology.ts";
import type { ClusterAction, ClusterChangeReason, ClusterPlan } from "../model/types.ts";
import type { ClusterView } from "../model/view.ts";
import { agreement } from "./moves.ts";
import { type PlannedAction, plannedAction } from "./planned-action.ts";
import { findMaster, findNode } from "./references.ts";

// Who is in a cluster, and who follows whom: requests as plans. Pure.

export interface AddNodeRequest {
  /** Instance that is looked at in `topology`, in the cluster or beside it. */
  readonly instance: string;
  /** Whom it replicates: a node, or the master that has the fewest replicas. @default nobody: it becomes a master without slots */
  readonly replicaOf?: string | "any";
}

/** Lets an empty node join. One that has joined already is not met again, so an interrupted run is continued. @throws LabError `cluster.not-empty`, `cluster.bad-request` */
export function addNodePlan({ instance, replicaOf }: AddNodeRequest, view: ClusterView): ClusterPlan {
  const { topology, cluster } = view;
  const node = topology.live.get(instance);
  if (node === undefined)
    throw notPossibleNow(
      `${instance} can't be added: ${topology.absent.get(instance)?.why ?? "it was not looked at"}.`,
      "Start it with `cluster-enabled yes`.",
    );
  const inside = cluster.live.includes(node);
  if (!inside) assertEmpty(node);
  const seed = cluster.live.find((each) => each !== node && ownSlots(each).length > 0);
  if (seed === undefined) throw notPossibleNow("There is no cluster that it could join.", "Create the cluster first.");
  const master = replicaOf === undefined ? undefined : replicaOf === "any" ? fewestReplicas(view, node) : findMaster(replicaOf, view);
  const everybody = [...cluster.live.filter((each) => each !== node), node].map(({ id }) => id);
  const steps: PlannedAction[] = [];
  const add = (action: ClusterAction) => steps.push(plannedAction(action, "add-node"));
  if (!inside) {
    add({ kind: "meet", seed: seed.id, instance });
    add({ kind: "await-joined", instances: everybody });
  }
  if (master !== undefined && node.self.masterId !== master.nodeId) add({ kind: "replicate", instance, master: master.id });
  if (steps.length > 0) steps.push(agreement(everybody, "add-node"));
  return { actions: steps, findings: [] };
}

/** Sends a node behind a master. @throws LabError `cluster.bad-request`, and those of `findNode` */
export function replicatePlan(reference: string, masterReference: string, view: ClusterView): ClusterPlan {
  const node = findNode(reference, view);
  const master = findMaster(masterReference, view);
  if (node === master) throw badRequest(`${node.id} can't replicate itself.`, "Name another master.");
  const slots = countSlots(ownSlots(node));
  if (slots > 0)
    throw notPossibleNow(
      `${node.id} is a master with ${slots} slots.`,
      `Move its slots away first (drain), or hand its shard to a replica (failover).`,
    );
  if (node.self.role === "master" && node.keys > 0) throw notEmptyNode(node.id, `it holds ${node.keys} keys`);
  if (node.self.masterId === master.nodeId) return { actions: [], findings: [] };
  const replicate = plannedAction({ kind: "replicate", instance: node.id, master: master.id }, "replicate");
  return { actions: [replicate, agreement(idsOf(view), "replicate")], findings: [] };
}

/** Makes a replica the master of its shard, or hands the shard of a master to its best replica. @throws LabError `cluster.bad-request`, and those of `findNode` */
export function failoverPlan(reference: string, how: "planned" | "force" | "takeover", view: ClusterView): ClusterPlan {
  const node = findNode(reference, view);
  if (node.self.role === "master") {
    const replica = view.cluster.live.filter(({ self, masterLink }) => self.masterId === node.nodeId && masterLink === "up")[0];
    if (how !== "planned")
      throw badRequest(
        `${node.id} is a master; ${how} is for a replica of a master that is gone.`,
        "Name the replica that is to take over.",
      );
    if (replica === undefined)
      throw notPossibleNow(`${node.id} has no replica that is in step.`, "Add a replica, or wait until one is in step.");
    return oneFailover(node.id, replica.id, "failover", view);
  }
  const master = view.topology.instanceOf(node.self.masterId ?? "");
  if (how === "planned") {
    if (master === undefined || !view.topology.live.has(master))
      throw notPossibleNow(
        `The master of ${node.id} gives no answer, so nothing can be handed over.`,
        "With `--force` it takes over without its master; writes that it did not get are lost.",
      );
    return oneFailover(master, node.id, "failover", view);
  }
  return { actions: [plannedAction({ kind: "take-over", instance: node.id, how }, "failover")], findings: [] };
}

function oneFailover(master: string, to: string, reason: ClusterChangeReason, view: ClusterView): ClusterPlan {
  return { actions: [failOver(master, to, reason), agreement(idsOf(view), reason)], findings: [] };
}

function failOver(master: string, to: string, reason: ClusterChangeReason): PlannedAction {
  return plannedAction({ kind: "fail-over", master, to }, reason);
}

/** Back to the declared roles: declared masters lead their shards again, replicas follow their declared masters. Slots stay where they are. */
export function failbackPlan(view: ClusterView): ClusterPlan {
  const { topology, cluster } = view;
  const steps: PlannedAction[] = [];
  /** Who leads a shard once the steps so far are done. */
  const leader = (declaredMaster: string) => {
    const leads =
      topology.live.get(declaredMaster)?.self.role === "master" ||
      steps.some(({ action }) => action.kind === "fail-over" && action.to === declaredMaster);
    return leads ? declaredMaster : undefined;
  };
  for (const { id, role } of topology.wanted) {
    const node = topology.live.get(id);
    if (role.kind !== "cluster-master" || node === undefined || !cluster.live.includes(node) || node.self.role === "master") continue;
    const present = topology.instanceOf(node.self.masterId ?? "");
    // One that gave its last slot away replicates the master of another shard (from 7.0 on by itself): it has nothing to lead.
    const other = topology.members.some((member) => member.id === present && member.role.kind === "cluster-master");
    if (present !== undefined && topology.live.has(present) && !other) steps.push(failOver(present, id, "failback"));
  }
  for (const { id, role } of topology.wanted) {
    const node = topology.live.get(id);
    if (
      role.kind !== "cluster-replica" ||
      node === undefined ||
      !cluster.live.includes(node) ||
      (node.self.role === "master" && !steps.some(({ action }) => action.kind === "fail-over" && action.master === id))
    )
      continue;
    const wanted = leader(role.master) ?? currentMasterOf(topology, cluster, role.master);
    // A failover moves all replicas of the shard along with it.
    const shard = node.self.role === "master" ? id : topology.instanceOf(node.self.masterId ?? "");
    const follows = steps.flatMap(({ action }) => (action.kind === "fail-over" && action.master === shard ? [action.to] : []))[0] ?? shard;
    if (wanted === undefined || wanted === id || follows === wanted) continue;
    steps.push(plannedAction({ kind: "replicate", instance: id, master: wanted }, "failback"));
  }
  if (steps.length > 0) steps.push(agreement(idsOf(view), "failback"));
  return { actions: steps, findings: [] };
}

/**
 * Puts a fresh node into the place of another one: a replica's master, or, behind the master and then in its place, a master's slots. The old one leaves afterwards, by a plan of its own,
 * as it is only known then who has to forget what.
 */
export function takePlacePlan(oldReference: string, fresh: string, view: ClusterView): ClusterPlan {
  const old = findNode(oldReference, view);
  const master = old.self.role === "master" ? old.id : view.topology.instanceOf(old.self.masterId ?? "");
  if (master === undefined)
    throw notPossibleNow(`The master of ${old.id} gives no answer.`, "Bring it up, or let a replica take over, first.");
  // An earlier run did this much: what is left is that the old one leaves.
  if (master === fresh) return { actions: [], findings: [] };
  if (old.self.role === "master" && ownSlots(old).length === 0) return addNodePlan({ instance: fresh }, view);
  const joined = addNodePlan({ instance: fresh, replicaOf: master }, view);
  const actions =
    old.self.role === "master"
      ? [...joined.actions, failOver(old.id, fresh, "replace-node"), agreement([...new Set([...idsOf(view), fresh])], "replace-node")]
      : joined.actions;
  return { actions: actions.map((step) => ({ ...step, reason: "replace-node" })), findings: [] };
}

/** The place of a node that does not answer: behind the master with the fewest replicas. One that has a place by now, by an earlier run or an election, keeps it. */
export function takeAnyPlacePlan(fresh: string, view: ClusterView): ClusterPlan {
  const node = view.topology.live.get(fresh);
  const placed = node !== undefined && view.cluster.live.includes(node) && (node.self.masterId !== undefined || ownSlots(node).length > 0);
  if (placed) return { actions: [], findings: [] };
  const { actions } = addNodePlan({ instance: fresh, replicaOf: "any" }, view);
  return { actions: actions.map((step) => ({ ...step, reason: "replace-node" })), findings: [] };
}

export function setTimeoutPlan(ms: number, view: ClusterView): ClusterPlan {
  if (!Number.isInteger(ms) || ms < LEAST_NODE_TIMEOUT_MS)
    throw badRequest(
      `A node timeout of ${ms} ms is a bad idea.`,
      `Give at least ${LEAST_NODE_TIMEOUT_MS} milliseconds; failovers would be triggered by hiccups.`,
    );
  return {
    findings: [],
    actions: view.cluster.live.map(({ id }) => plannedAction({ kind: "set-node-timeout", instance: id, ms }, "set-timeout")),
  };
}

function idsOf({ cluster }: ClusterView): string[] {
  return cluster.live.map(({ id }) => id);
}

/** The master with the fewest replicas; of several one that is not on the host of the newcomer. */
export function fewestReplicas({ cluster }: ClusterView, newcomer: Pick<LiveNode, "nodeId" | "member">): LiveNode {
  const count = ({ nodeId }: LiveNode) => cluster.live.filter(({ self }) => self.masterId === nodeId).length;
  const beside = ({ member }: LiveNode) => Number(member.host === newcomer.member.host);
  const [best] = mastersOf(cluster)
    .filter((node) => node.nodeId !== newcomer.nodeId && ownSlots(node).length > 0)
    .sort((a, b) => count(a) - count(b) || beside(a) - beside(b));
  if (best === undefined) throw notPossibleNow("There is not a master that it could replicate.", "Create the cluster first.");
  return best;
}

function assertEmpty(node: LiveNode): void {
  if (!isIsolated(node)) throw notEmptyNode(node.id, `it knows ${acquaintances(node.view).length - 1} other nodes`);
  if (node.keys > 0) throw notEmptyNode(node.id, `it holds ${node.keys} keys`);
  if (ownSlots(node).length > 0) throw notEmptyNode(node.id, `it owns ${countSlots(ownSlots(node))} slots`);
}
