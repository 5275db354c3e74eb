import { byCount, plural } from "../../base/text.ts";
import { describeSlots } from "../model/describe.ts";
import { countSlots, formatRanges, SLOT_COUNT, withoutSlots } from "../model/slots.ts";
import {
  type Component,
  clusterOf,
  type FormerMember,
  isIsolated,
  type LiveNode,
  naming,
  ownersOf,
  ownSlots,
  readTopology,
  type Topology,
} from "../model/topology.ts";
import type { ClusterFinding, ClusterMember, ClusterObservation } from "../model/types.ts";
import { absences } from "./absent.ts";
import { type LostMaster, lostAdvice, lostMasters, lostText } from "./lost-masters.ts";
import { hasData, replicationFindings } from "./replication.ts";
import { runningFindings } from "./running.ts";
import { strandedAdvice, strandedMembers } from "./stranded.ts";
import { announceFindings, standbyFindings, unknownNodeFindings } from "./unknown-nodes.ts";

/** What `up` plans by itself. */
const UP = "`redis-lab up LAB` does it.";

export interface CheckOptions {
  /** Instances that belonged to the lab before: a node there is an `extra-member`, not a stranger. @default none */
  readonly formerMembers?: readonly FormerMember[];
}

/**
 * Everything that is not as declared or not healthy, all at once. What a failover did is healthy: a declared replica may be the master of its shard. Pure.
 * `refuses` means that nothing may be changed before it is repaired by hand.
 */
export function clusterFindings(
  observation: ClusterObservation,
  members: readonly ClusterMember[],
  options: CheckOptions = {},
): ClusterFinding[] {
  return findingsOf(readTopology(observation, members, options.formerMembers));
}

export function findingsOf(topology: Topology): ClusterFinding[] {
  return [
    ...absences(topology),
    ...unknownNodeFindings(topology),
    ...standbyFindings(topology),
    ...announceFindings(topology),
    ...(topology.formed === undefined ? unformed(topology) : formed(topology, topology.formed)),
  ];
}

/** No cluster yet: what is there must be a part of the one that the lab declares. */
function unformed(topology: Topology): ClusterFinding[] {
  const findings: ClusterFinding[] = [];
  // One that was whole, without replicas, and lost a master with its identity: no beginning, although slots have no owner.
  const lost = lostMasters(topology, clusterOf(topology));
  for (const { id } of topology.wanted) {
    const node = topology.live.get(id);
    if (node === undefined) continue;
    if (isIsolated(node)) {
      if (node.keys > 0) findings.push(hasData(node, "refuses"));
      findings.push({ code: "not-joined", severity: "problem", instance: id, text: `${id} knows no other node.`, next: UP });
    }
    const elsewhere = withoutSlots(ownSlots(node), topology.declaredSlots.get(id) ?? []);
    if (elsewhere.length > 0) {
      findings.push({
        code: "foreign-cluster",
        severity: "refuses",
        instance: id,
        text: `${id} owns the slots ${formatRanges(elsewhere)}, which this lab does not give it, and the cluster is not complete.`,
        next:
          lost.length > 0
            ? lost.map((each) => `${lostText(each)} ${lostAdvice(each)}`).join(" ")
            : "This is not a beginning of the declared cluster: wipe the data of these instances, or declare the cluster that is there.",
      });
    }
  }
  const owned = [...topology.live.values()].reduce((total, node) => total + countSlots(ownSlots(node)), 0);
  const free = SLOT_COUNT - Math.min(owned, SLOT_COUNT);
  const refused = findings.some(({ severity }) => severity === "refuses");
  findings.push({
    code: "uncovered-slots",
    severity: "problem",
    instance: undefined,
    text:
      lost.length > 0
        ? `${plural(free, "slot")} of the cluster ${byCount(free, "has", "have")} no owner: ${lost.map(lostText).join(" ")}`
        : `The cluster is not formed: ${free} of ${SLOT_COUNT} slots have no owner yet.`,
    next:
      lost.length === 0
        ? UP
        : refused
          ? lost.map(lostAdvice).join(" ")
          : "`redis-lab up LAB` gives them to the declared masters again, without their keys, which are lost.",
  });
  return findings;
}

function formed(topology: Topology, cluster: Component): ClusterFinding[] {
  return [...outsiders(topology, cluster), ...replicationFindings(topology, cluster), ...runningFindings(topology, cluster)];
}

/** Members beside the cluster. */
function outsiders(topology: Topology, cluster: Component): ClusterFinding[] {
  const lost = lostMasters(topology, cluster);
  const stranded = strandedMembers(topology, cluster);
  return topology.wanted.flatMap(({ id }): ClusterFinding[] => {
    const node = topology.live.get(id);
    const former = lost.find(({ newcomer, heirs }) => newcomer === node && heirs.length > 0);
    if (node !== undefined && former !== undefined) return [newIdentity(node, former)];
    if (node === undefined || cluster.live.includes(node)) return [];
    const alone = stranded.find((each) => each.node === node);
    const own = topology.components.find(({ live }) => live.includes(node));
    if (own !== undefined && ownersOf(own).size > 0) {
      return [
        {
          code: "foreign-cluster",
          severity: "refuses",
          instance: id,
          text: `${naming(own.live)} ${byCount(own.live.length, "is", "are")} a cluster beside that of ${naming(cluster.live)}: slots would have two owners.`,
          next: alone === undefined ? copyAdvice(lost.find(({ newcomer }) => newcomer === node)) : strandedAdvice(alone),
        },
      ];
    }
    if (node.keys > 0) return [{ ...hasData(node, "refuses"), ...(alone !== undefined && { next: strandedAdvice(alone) }) }];
    return [{ code: "not-joined", severity: "problem", instance: id, text: `${id} is declared and has not joined the cluster.`, next: UP }];
  });
}

/** A master that came back with another node id, while the cluster and a replica know the old one: the replica has the newer data, and nothing may merge the two. */
function newIdentity({ id, nodeId, keys }: LiveNode, lost: LostMaster): ClusterFinding {
  return {
    code: "foreign-cluster",
    severity: "refuses",
    instance: id,
    text: `${id} answers under a new node id (${nodeId.slice(0, 8)}…), with ${keys} ${keys === 1 ? "key" : "keys"}, and is not part of the cluster, which knows it by its old one.`,
    next: lostAdvice(lost),
  };
}

/** Which of two clusters is wanted nobody but a person knows; that the only copy of slots may be among them has to be said. */
function copyAdvice(lost: LostMaster | undefined): string {
  if (lost === undefined) return "Wipe the data of the one that is not wanted.";
  return `It may have the only copy of ${describeSlots(lost.slots)}, of which no replica answers: bring a replica up first (\`redis-lab up LAB\`), and save its data (\`redis-lab cli LAB ${lost.name} bgsave\`) before any of them is wiped.`;
}
