import { type CheckOptions, findingsOf } from "../findings/declared.ts";
import { emptyMaster, replicationTarget } from "../findings/replication.ts";
import { gapsBetween } from "../gossip/agreement.ts";
import { rangesOverlap, withoutSlots } from "../model/slots.ts";
import { acquaintances, type Component, isIsolated, type LiveNode, ownSlots, readTopology, type Topology } from "../model/topology.ts";
import type { ClusterFinding, ClusterMember, ClusterObservation, ClusterPlan } from "../model/types.ts";
import type { SlotMove } from "../move/types.ts";
import { growthMoves } from "./moves.ts";
import { type PlannedAction, plannedAction } from "./planned-action.ts";

type Reason = PlannedAction["reason"];

/**
 * What is missing between an observation and the declared cluster, as the commands that bring it about. Pure.
 *
 * - Nothing there: the cluster is created: config epochs, slots, MEET from one seed, REPLICATE.
 * - A part of that there: exactly the rest.
 * - A formed cluster: declared members that have not joined do so, replicas behind the present master of their shard; declared masters that own nothing get their share of the slots.
 *   No other slot is ever given or moved.
 * - Anything that is not ours, holds data or can't be looked at in time of creation: no action, and findings that say why.
 */
export function planCluster(observation: ClusterObservation, members: readonly ClusterMember[], options: CheckOptions = {}): ClusterPlan {
  const topology = readTopology(observation, members, options.formerMembers);
  const findings = findingsOf(topology);
  if (findings.some(({ severity }) => severity === "refuses")) return { actions: [], findings };
  if (topology.formed === undefined)
    return { actions: create(topology), findings: findings.filter(({ code }) => !MENDED_BY_CREATE.has(code)) };
  return join(topology, topology.formed, findings);
}

const MENDED_BY_CREATE: ReadonlySet<ClusterFinding["code"]> = new Set(["not-joined", "uncovered-slots"]);
/** Findings that pass by themselves once the nodes have talked to each other. */
const PASSING: ReadonlySet<ClusterFinding["code"]> = new Set(["views-disagree", "replica-link-down", "state-fail"]);
/** Findings that keep a cluster from ever agreeing: waiting for it would be in vain. */
const LASTING: ReadonlySet<ClusterFinding["code"]> = new Set(["uncovered-slots", "unreachable", "open-slot"]);

function create(topology: Topology): PlannedAction[] {
  const nodes = topology.wanted.flatMap(({ id }) => topology.live.get(id) ?? []);
  const masters = nodes.filter(({ member }) => member.role.kind === "cluster-master").sort(byIndex);
  const begun = nodes.some((node) => !isIsolated(node) || ownSlots(node).length > 0 || node.myEpoch > 0);
  const reason: Reason = begun ? "continue" : "create";
  const seed = masters[0];
  if (seed === undefined) return [];
  const meets = nodes.filter((node) => node !== seed && !(knows(seed, node) && knows(node, seed)));
  const joined = gapsBetween(nodes).length === 0;
  return [
    ...nodes.flatMap((node) => forgetSteps(topology, node, reason)),
    ...masters.flatMap((node, index) => slotSteps(topology, node, index + 1, reason)),
    ...meets.map((node) => meet(seed.id, node.id, reason)),
    ...(joined ? [] : [awaitJoined(nodes, reason)]),
    ...nodes.flatMap(({ id, member }) => (member.role.kind === "cluster-replica" ? [replicate(id, member.role.master, reason)] : [])),
    awaitFormed(nodes, reason),
  ];
}

/**
 * An identity that is gone and in whose name a node still counts slots is forgotten, and its slots with it. A higher epoch of the new owner is not enough: 7.0 takes the
 * sender of a packet from the link (getNodeFromLinkAndMsg in cluster.c of 7.0.15), so the gone identity gets the epoch of the new one that stands at its address,
 * and of equals the older owner stays. A node that replicates it forgets it never, and has to follow its new master first.
 */
function forgetSteps(topology: Topology, node: LiveNode, reason: Reason): PlannedAction[] {
  return acquaintances(node.view)
    .filter((known) => known.slots.length > 0 && known.id !== node.self.masterId && topology.identify(known).kind === "ghost")
    .map(({ id }) => plannedAction({ kind: "forget", instance: node.id, nodeId: id }, reason));
}

/** The epoch and the slots that a master still lacks. */
function slotSteps(topology: Topology, node: LiveNode, index: number, reason: Reason): PlannedAction[] {
  const missing = withoutSlots(topology.declaredSlots.get(node.id) ?? [], ownSlots(node));
  const epoch = epochAbove(topology, node, index, missing);
  const steps: PlannedAction[] = [];
  // The server takes an epoch only from an operator who is first: it must know nobody and have none (cluster.c of 4.0.14, SET-CONFIG-EPOCH).
  if (epoch > index || (node.myEpoch === 0 && node.knownNodes <= 1)) {
    steps.push(plannedAction({ kind: "set-config-epoch", instance: node.id, epoch }, reason));
  }
  if (missing.length > 0) {
    steps.push(plannedAction({ kind: "add-slots", instance: node.id, slots: missing }, reason));
  }
  return steps;
}

/**
 * The config epoch of a declared master: its number in the lab. Where other nodes still believe that an identity which is gone owns its slots, it has to be above all
 * epochs seen, or they would take the slots from it again.
 */
function epochAbove(topology: Topology, node: LiveNode, index: number, missing: readonly { first: number; last: number }[]): number {
  // What several nodes say in the same words is one object (cluster-nodes.ts).
  const lines = new Set([...topology.live.values()].flatMap(({ view }) => acquaintances(view)));
  const claims = [...lines].some(({ id, slots }) => id !== node.nodeId && rangesOverlap(slots, missing));
  if (!claims) return index;
  return Math.max(...[...topology.live.values()].map(({ currentEpoch }) => currentEpoch)) + index;
}

function join(topology: Topology, cluster: Component, findings: readonly ClusterFinding[]): ClusterPlan {
  const members = topology.wanted.flatMap(({ id }) => topology.live.get(id) ?? []);
  const inside = members.filter((node) => cluster.live.includes(node));
  const outside = members.filter((node) => !cluster.live.includes(node));
  // A node that was met and is not known to all yet is inside, but has not arrived.
  const unknown = new Set(gapsBetween(inside).flatMap(({ from, to }) => [from, to]));
  const arriving = inside.filter((node) => unknown.has(node));
  const seed = inside.find((node) => ownSlots(node).length > 0) ?? inside[0];
  if (seed === undefined) return { actions: [], findings };
  const met = [...outside, ...arriving.filter((node) => node !== seed && !(knows(seed, node) && knows(node, seed)))];
  const followers = members.flatMap((node) => {
    if (node.self.role !== "master" || ownSlots(node).length > 0 || node.keys > 0) return [];
    const target = replicationTarget(topology, cluster, node.id);
    return target === undefined || target === node.id ? [] : [{ id: node.id, target }];
  });
  const standbys = new Set(topology.members.filter(({ role }) => role.kind === "standby").map(({ id }) => id));
  const hopeless = findings.some(
    ({ code, severity, instance }) => LASTING.has(code) && severity === "problem" && !standbys.has(instance ?? ""),
  );
  const newcomers = hopeless ? [] : members.filter((node) => isNewMaster(node, topology, cluster)).map(({ id }) => id);
  const steps: PlannedAction[] = [
    ...met.map(({ id }) => meet(seed.id, id, "join")),
    ...(met.length + arriving.length > 0 ? [awaitJoined([...inside, ...outside], "join")] : []),
    ...followers.map(({ id, target }) => replicate(id, target, "join")),
    ...growthMoves(newcomers, { cluster }).map(grow),
  ];
  const settled = steps.length === 0 && !findings.some(({ code }) => PASSING.has(code));
  const waits = !settled && !hopeless;
  const fixed = new Set([...outside.map(({ id }) => id), ...followers.map(({ id }) => id)]);
  return {
    actions: waits ? [...steps, awaitFormed(members, steps.length > 0 ? "join" : "continue")] : steps,
    findings: [
      ...findings.filter(({ code, instance, severity }) => {
        if (waits && PASSING.has(code)) return false;
        if (code === "empty-master" && newcomers.includes(instance ?? "")) return false;
        return !((code === "not-joined" || (code === "replica-missing" && severity === "problem")) && fixed.has(instance ?? ""));
      }),
      ...outside
        .filter(
          ({ id, member }) =>
            member.role.kind === "cluster-master" && !followers.some((follower) => follower.id === id) && !newcomers.includes(id),
        )
        .map(({ id }) => emptyMaster(id)),
    ],
  };
}

/** A declared master that owns nothing, that nobody stands for after a failover, and that has nothing to lose. */
function isNewMaster(node: LiveNode, topology: Topology, cluster: Component): boolean {
  const { self, member, keys } = node;
  if (member.role.kind !== "cluster-master" || self.role !== "master" || ownSlots(node).length > 0 || keys > 0) return false;
  return replicationTarget(topology, cluster, node.id) === node.id;
}

function grow(move: SlotMove): PlannedAction {
  return plannedAction({ kind: "move-slots", ...move }, "grow");
}

function meet(seed: string, instance: string, reason: Reason): PlannedAction {
  return plannedAction({ kind: "meet", seed, instance }, reason);
}

function replicate(instance: string, master: string, reason: Reason): PlannedAction {
  return plannedAction({ kind: "replicate", instance, master }, reason);
}

function awaitJoined(nodes: readonly LiveNode[], reason: Reason): PlannedAction {
  return plannedAction({ kind: "await-joined", instances: nodes.map(({ id }) => id) }, reason);
}

function awaitFormed(nodes: readonly LiveNode[], reason: Reason): PlannedAction {
  return {
    action: { kind: "await-formed", instances: nodes.map(({ id }) => id) },
    reason,
    summary: `wait until ${nodes.length} nodes agree, all slots are served and every replica is in step`,
  };
}

/** True where `node` knows `other` by the id that it has now. */
function knows(node: LiveNode, other: LiveNode): boolean {
  return acquaintances(node.view).some(({ id }) => id === other.nodeId);
}

function byIndex(a: LiveNode, b: LiveNode): number {
  const index = ({ member: { role } }: LiveNode) => (role.kind === "cluster-master" ? role.index : 0);
  return index(a) - index(b);
}
