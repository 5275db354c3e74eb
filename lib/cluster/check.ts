import { health } from "./health.ts";
import { hasData, places } from "./places.ts";
import { countSlots, formatRanges, SLOT_COUNT, withoutSlots } from "./slots.ts";
import { announcements, standbys, strangers } from "./strangers.ts";
import { type Component, type FormerMember, isIsolated, naming, ownersOf, ownSlots, readTopology, type Topology } from "./topology.ts";
import type { ClusterFinding, ClusterMember, ClusterObservation } from "./types.ts";

export interface CheckOptions {
  /** Instances that belonged to the lab before: a node there is an `extra-member`, not a stranger. @default none */
  readonly formerMembers?: readonly FormerMember[];
}

/**
 * Everything that is not as declared or not healthy, all at once. What a failover did is healthy: a declared replica may be the master of its shard. Pure.
 * `refuses` means that nothing may be changed before it is mended by hand.
 */
export function checkCluster(
  observation: ClusterObservation,
  members: readonly ClusterMember[],
  options: CheckOptions = {},
): ClusterFinding[] {
  return checkTopology(readTopology(observation, members, options.formerMembers));
}

export function checkTopology(topology: Topology): ClusterFinding[] {
  return [
    ...absences(topology),
    ...strangers(topology),
    ...standbys(topology),
    ...announcements(topology),
    ...(topology.formed === undefined ? unformed(topology) : formed(topology, topology.formed)),
  ];
}

function absences({ absent, formed, members }: Topology): ClusterFinding[] {
  return members.flatMap(({ id, role }): ClusterFinding[] => {
    const absence = absent.get(id);
    if (absence === undefined) return [];
    const needed = role.kind !== "standby";
    if (absence.kind === "not-cluster-enabled") {
      return [
        {
          code: "not-cluster-enabled",
          severity: needed ? "refuses" : "problem",
          instance: id,
          text: `${id} runs with cluster support switched off.`,
          next: "Restart it with `cluster-enabled yes`.",
        },
      ];
    }
    return [
      {
        code: "unreachable",
        severity: needed && formed === undefined ? "refuses" : "problem",
        instance: id,
        text: `${id} can't be looked at: ${absence.why}${/[.!?]$/.test(absence.why) ? "" : "."}`,
        ...(needed &&
          formed === undefined && { next: "A cluster is only formed while every one of its instances answers: start this one first." }),
      },
    ];
  });
}

/** No cluster yet: what is there must be a part of the one that the lab declares. */
function unformed(topology: Topology): ClusterFinding[] {
  const findings: ClusterFinding[] = [];
  for (const { id } of topology.wanted) {
    const node = topology.live.get(id);
    if (node === undefined) continue;
    if (isIsolated(node)) {
      if (node.keys > 0) findings.push(hasData(node, "refuses"));
      findings.push({ code: "not-joined", severity: "problem", instance: id, text: `${id} knows no other node.` });
    }
    const elsewhere = withoutSlots(ownSlots(node), topology.declaredSlots.get(id) ?? []);
    if (elsewhere.length > 0) {
      findings.push({
        code: "foreign-cluster",
        severity: "refuses",
        instance: id,
        text: `${id} owns the slots ${formatRanges(elsewhere)}, which this lab does not give it, and the cluster is not complete.`,
        next: "This is not a beginning of the declared cluster: wipe the data of these instances, or declare the cluster that is there.",
      });
    }
  }
  const owned = [...topology.live.values()].reduce((total, node) => total + countSlots(ownSlots(node)), 0);
  findings.push({
    code: "uncovered-slots",
    severity: "problem",
    instance: undefined,
    text: `The cluster is not formed: ${SLOT_COUNT - Math.min(owned, SLOT_COUNT)} of ${SLOT_COUNT} slots have no owner yet.`,
  });
  return findings;
}

function formed(topology: Topology, cluster: Component): ClusterFinding[] {
  return [...outsiders(topology, cluster), ...places(topology, cluster), ...health(topology, cluster)];
}

/** Members beside the cluster. */
function outsiders(topology: Topology, cluster: Component): ClusterFinding[] {
  return topology.wanted.flatMap(({ id }): ClusterFinding[] => {
    const node = topology.live.get(id);
    if (node === undefined || cluster.live.includes(node)) return [];
    const own = topology.components.find(({ live }) => live.includes(node));
    if (own !== undefined && ownersOf(own).size > 0) {
      return [
        {
          code: "foreign-cluster",
          severity: "refuses",
          instance: id,
          text: `${naming(own.live)} ${own.live.length === 1 ? "is a cluster" : "are a cluster"} beside that of ${naming(cluster.live)}: slots would have two owners.`,
          next: "Wipe the data of the one that is not wanted.",
        },
      ];
    }
    if (node.keys > 0) return [hasData(node, "refuses")];
    return [{ code: "not-joined", severity: "problem", instance: id, text: `${id} is declared and has not joined the cluster.` }];
  });
}
