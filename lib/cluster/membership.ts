import { badRequest, notEmptyNode } from "./errors.ts";
import { mastersOf } from "./fix.ts";
import type { ClusterLook } from "./look.ts";
import { agreement } from "./plan-moves.ts";
import { findMaster, findNode } from "./references.ts";
import { countSlots } from "./slots.ts";
import { acquaintances, currentMasterOf, isIsolated, type LiveNode, ownSlots } from "./topology.ts";
import type { ChangeReason, ClusterAction, ClusterPlan } from "./types.ts";

// Who is in a cluster, and who follows whom: requests as plans. Pure.

export interface AddNodeRequest {
  /** Instance that is looked at in `topology`, in the cluster or beside it. */
  readonly instance: string;
  /** Whom it replicates: a node, or the master that has the fewest replicas. @default nobody: it becomes a master without slots */
  readonly replicaOf?: string | "any";
}

/** Lets an empty node join. One that has joined already is not met again, so an interrupted run is continued. @throws LabError `cluster.not-empty`, `cluster.bad-request` */
export function addNodePlan({ instance, replicaOf }: AddNodeRequest, look: ClusterLook): ClusterPlan {
  const { topology, cluster } = look;
  const node = topology.live.get(instance);
  if (node === undefined)
    throw badRequest(
      `${instance} can't be added: ${topology.absent.get(instance)?.why ?? "it was not looked at"}.`,
      "Start it with `cluster-enabled yes`.",
    );
  const inside = cluster.live.includes(node);
  if (!inside) assertEmpty(node);
  const seed = cluster.live.find((each) => each !== node && ownSlots(each).length > 0);
  if (seed === undefined) throw badRequest("There is no cluster that it could join.", "Create the cluster first.");
  const master = replicaOf === undefined ? undefined : replicaOf === "any" ? fewestReplicas(look, node) : findMaster(replicaOf, look);
  const everybody = [...cluster.live.filter((each) => each !== node), node].map(({ id }) => id);
  const steps: ClusterPlan["actions"][number][] = [];
  const add = (action: ClusterAction, summary: string) => steps.push({ action, reason: "add-node", summary });
  if (!inside) {
    add({ kind: "meet", seed: seed.id, instance }, `introduce ${instance} to ${seed.id}`);
    add({ kind: "await-joined", instances: everybody }, `wait until ${everybody.length} nodes know each other`);
  }
  if (master !== undefined && node.self.masterId !== master.nodeId)
    add({ kind: "replicate", instance, master: master.id }, `make ${instance} a replica of ${master.id}`);
  if (steps.length > 0) steps.push(agreement(everybody, "add-node"));
  return { actions: steps, findings: [] };
}

/** Sends a node behind a master. @throws LabError `cluster.bad-request`, and those of `findNode` */
export function replicatePlan(reference: string, masterReference: string, look: ClusterLook): ClusterPlan {
  const node = findNode(reference, look);
  const master = findMaster(masterReference, look);
  if (node === master) throw badRequest(`${node.id} can't replicate itself.`, "Name another master.");
  const slots = countSlots(ownSlots(node));
  if (slots > 0)
    throw badRequest(
      `${node.id} is a master with ${slots} slots.`,
      `Move its slots away first (drain), or hand its shard to a replica (failover).`,
    );
  if (node.self.role === "master" && node.keys > 0) throw notEmptyNode(node.id, `it holds ${node.keys} keys`);
  if (node.self.masterId === master.nodeId) return { actions: [], findings: [] };
  const action = { kind: "replicate", instance: node.id, master: master.id } as const;
  return {
    actions: [{ action, reason: "replicate", summary: `make ${node.id} a replica of ${master.id}` }, agreement(idsOf(look), "replicate")],
    findings: [],
  };
}

/** Makes a replica the master of its shard, or hands the shard of a master to its best replica. @throws LabError `cluster.bad-request`, and those of `findNode` */
export function failoverPlan(reference: string, how: "planned" | "force" | "takeover", look: ClusterLook): ClusterPlan {
  const node = findNode(reference, look);
  if (node.self.role === "master") {
    const replica = look.cluster.live.filter(({ self, masterLink }) => self.masterId === node.nodeId && masterLink === "up")[0];
    if (how !== "planned")
      throw badRequest(
        `${node.id} is a master; ${how} is for a replica of a master that is gone.`,
        "Name the replica that is to take over.",
      );
    if (replica === undefined)
      throw badRequest(`${node.id} has no replica that is in step.`, "Add a replica, or wait until one is in step.");
    return oneFailover(node.id, replica.id, "failover", look);
  }
  const master = look.topology.instanceOf(node.self.masterId ?? "");
  if (how === "planned") {
    if (master === undefined || !look.topology.live.has(master))
      throw badRequest(
        `The master of ${node.id} gives no answer, so nothing can be handed over.`,
        "With `--force` it takes over without its master; writes that it did not get are lost.",
      );
    return oneFailover(master, node.id, "failover", look);
  }
  const action = { kind: "take-over", instance: node.id, how } as const;
  return {
    actions: [{ action, reason: "failover", summary: `let ${node.id} take over (${how})` }],
    findings: [],
  };
}

function oneFailover(master: string, to: string, reason: ChangeReason, look: ClusterLook): ClusterPlan {
  return { actions: [failOver(master, to, reason), agreement(idsOf(look), reason)], findings: [] };
}

function failOver(master: string, to: string, reason: ChangeReason): ClusterPlan["actions"][number] {
  return { action: { kind: "fail-over", master, to }, reason, summary: `hand the shard of ${master} to ${to}` };
}

/** Back to the declared roles: declared masters lead their shards again, replicas follow their declared masters. Slots stay where they are. */
export function failbackPlan(look: ClusterLook): ClusterPlan {
  const { topology, cluster } = look;
  const steps: ClusterPlan["actions"][number][] = [];
  /** Who leads a shard once the steps so far are done. */
  const leader = (declaredMaster: string) => (topology.live.get(declaredMaster)?.self.role === undefined ? undefined : declaredMaster);
  for (const { id, role } of topology.wanted) {
    const node = topology.live.get(id);
    if (role.kind !== "cluster-master" || node === undefined || !cluster.live.includes(node) || node.self.role === "master") continue;
    const present = topology.instanceOf(node.self.masterId ?? "");
    if (present !== undefined && topology.live.has(present)) steps.push(failOver(present, id, "failback"));
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
    steps.push({
      action: { kind: "replicate", instance: id, master: wanted },
      reason: "failback",
      summary: `make ${id} a replica of ${wanted}`,
    });
  }
  if (steps.length > 0) steps.push(agreement(idsOf(look), "failback"));
  return { actions: steps, findings: [] };
}

/**
 * Puts a fresh node into the place of another one: a replica's master, or, behind the master and then in its place, a master's slots. The old one leaves afterwards, by a plan of its own,
 * as it is only known then who has to forget what.
 */
export function takePlacePlan(oldReference: string, fresh: string, look: ClusterLook): ClusterPlan {
  const old = findNode(oldReference, look);
  const master = old.self.role === "master" ? old.id : look.topology.instanceOf(old.self.masterId ?? "");
  if (master === undefined) throw badRequest(`The master of ${old.id} gives no answer.`, "Bring it up, or let a replica take over, first.");
  if (old.self.role === "master" && ownSlots(old).length === 0) return addNodePlan({ instance: fresh }, look);
  const joined = addNodePlan({ instance: fresh, replicaOf: master }, look);
  const actions =
    old.self.role === "master"
      ? [...joined.actions, failOver(old.id, fresh, "replace-node"), agreement([...new Set([...idsOf(look), fresh])], "replace-node")]
      : joined.actions;
  return { actions: actions.map((step) => ({ ...step, reason: "replace-node" })), findings: [] };
}

export function setTimeoutPlan(ms: number, look: ClusterLook): ClusterPlan {
  if (!Number.isInteger(ms) || ms < 100)
    throw badRequest(
      `A node timeout of ${ms} ms is a bad idea.`,
      "Give at least 100 milliseconds; failovers would be triggered by hiccups.",
    );
  return {
    findings: [],
    actions: look.cluster.live.map(({ id }) => ({
      action: { kind: "set-node-timeout", instance: id, ms },
      reason: "set-timeout",
      summary: `set the node timeout of ${id} to ${ms} ms`,
    })),
  };
}

function idsOf({ cluster }: ClusterLook): string[] {
  return cluster.live.map(({ id }) => id);
}

/** The master with the fewest replicas; of several one that is not on the host of the newcomer. */
export function fewestReplicas({ cluster }: ClusterLook, newcomer: Pick<LiveNode, "nodeId" | "member">): LiveNode {
  const count = ({ nodeId }: LiveNode) => cluster.live.filter(({ self }) => self.masterId === nodeId).length;
  const beside = ({ member }: LiveNode) => Number(member.host === newcomer.member.host);
  const [best] = mastersOf(cluster)
    .filter((node) => node.nodeId !== newcomer.nodeId && ownSlots(node).length > 0)
    .sort((a, b) => count(a) - count(b) || beside(a) - beside(b));
  if (best === undefined) throw badRequest("There is no master that it could replicate.", "Create the cluster first.");
  return best;
}

function assertEmpty(node: LiveNode): void {
  if (!isIsolated(node)) throw notEmptyNode(node.id, `it knows ${acquaintances(node.view).length - 1} other nodes`);
  if (node.keys > 0) throw notEmptyNode(node.id, `it holds ${node.keys} keys`);
  if (ownSlots(node).length > 0) throw notEmptyNode(node.id, `it owns ${countSlots(ownSlots(node))} slots`);
}
