import { plural } from "../../base/text.ts";
import { type Component, currentMasterOf, type LiveNode, ownersOf, type Topology } from "../model/topology.ts";
import type { ClusterFinding } from "../model/types.ts";

/** Joined members whose place differs from the declared one, and is not explained by a failover. */
export function replicationFindings(topology: Topology, cluster: Component): ClusterFinding[] {
  const owners = ownersOf(cluster);
  return topology.wanted.flatMap(({ id, role }): ClusterFinding[] => {
    const node = topology.live.get(id);
    if (node === undefined || !cluster.live.includes(node) || owners.has(node.nodeId)) return [];
    const target = replicationTarget(topology, cluster, id);
    if (node.self.role === "master") {
      if (target === undefined || target === id) {
        if (role.kind === "cluster-replica")
          return [
            {
              code: "replica-missing",
              severity: "problem",
              instance: id,
              text: `${id} replicates nothing: its master ${role.master} can't be reached.`,
              next: "`redis-lab up LAB` starts it.",
            },
          ];
        return [emptyMaster(id)];
      }
      if (node.keys > 0) return [hasData(node, "problem")];
      return [
        {
          code: "replica-missing",
          severity: "problem",
          instance: id,
          text: `${id} replicates no master yet; its place is behind ${target}.`,
          next: `\`redis-lab up LAB\` makes it a replica of ${target}.`,
        },
      ];
    }
    const master = node.self.masterId === undefined ? undefined : topology.instanceOf(node.self.masterId);
    if (role.kind !== "cluster-replica" || target === undefined || master === target) return [];
    return [
      {
        code: "replica-missing",
        severity: "note",
        instance: id,
        text: `${id} replicates ${master ?? "a node that is not a member"}, while the lab declares it for the shard of ${target}; it is left there.`,
        next: `\`redis-lab cluster replicate LAB ${id} ${target}\` brings it to its place.`,
      },
    ];
  });
}

export function emptyMaster(id: string): ClusterFinding {
  return {
    code: "empty-master",
    severity: "note",
    instance: id,
    text: `${id} is a master without slots; \`up\` gives it its share once the cluster is whole.`,
  };
}

/** Whom a member without slots has to follow by declaration, failovers taken into account. Itself: a new master that stays empty. */
export function replicationTarget(topology: Topology, cluster: Component, id: string): string | undefined {
  const role = topology.members.find((member) => member.id === id)?.role;
  switch (role?.kind) {
    case "cluster-master":
      return currentMasterOf(topology, cluster, id);
    case "cluster-replica": {
      const master = currentMasterOf(topology, cluster, role.master);
      return master === id ? undefined : master;
    }
    case "standby":
    case "discovered":
    case undefined:
      return undefined;
    default:
      return role satisfies never;
  }
}

export function hasData(node: LiveNode, severity: "refuses" | "problem"): ClusterFinding {
  return {
    code: "has-data",
    severity,
    instance: node.id,
    text: `${node.id} holds ${plural(node.keys, "key")} and is not part of the cluster: they would be lost.`,
    next: "Save what is needed and empty it (FLUSHALL), or declare another instance.",
  };
}
