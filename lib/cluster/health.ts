import { countSlots, formatRanges } from "./slots.ts";
import { type Component, naming, signatureOf, type Topology, uncoveredSlots } from "./topology.ts";
import type { ClusterFinding } from "./types.ts";

/** What is wrong inside a formed cluster, whatever was declared. */
export function health(topology: Topology, cluster: Component): ClusterFinding[] {
  const findings: ClusterFinding[] = [];
  const gaps = uncoveredSlots(cluster);
  if (gaps.length > 0) {
    findings.push({
      code: "uncovered-slots",
      severity: "problem",
      instance: undefined,
      text: `${countSlots(gaps)} slots of the cluster have no owner: ${formatRanges(gaps)}.`,
      next: "`redis-lab cluster fix LAB` gives them to who has their keys; `up` never gives away slots of a formed cluster.",
    });
  }
  for (const { id, self } of cluster.live) {
    const open = [...self.migrating.keys(), ...self.importing.keys()].sort((a, b) => a - b);
    if (open.length === 0) continue;
    findings.push({
      code: "open-slot",
      severity: "problem",
      instance: id,
      text: `${id} has open slots: ${open.slice(0, 10).join(", ")}${open.length > 10 ? ` and ${open.length - 10} more` : ""}.`,
      next: "A move of slots is under way or was cut off: let it finish, or run `redis-lab cluster resume LAB` or `redis-lab cluster fix LAB`.",
    });
  }
  for (const { id, masterLink, self } of cluster.live) {
    if (self.role !== "replica" || masterLink === "up") continue;
    const master = self.masterId === undefined ? undefined : topology.instanceOf(self.masterId);
    findings.push({
      code: "replica-link-down",
      severity: "problem",
      instance: id,
      text: `${id} has no working link to its master ${master ?? self.masterId ?? "(none)"}.`,
      next: `Look at its log: \`redis-lab logs LAB ${id.split(":")[0]}\`.`,
    });
  }
  if (cluster.contested.length > 0 || new Set(cluster.live.map(signatureOf)).size > 1) {
    findings.push({
      code: "views-disagree",
      severity: "problem",
      instance: undefined,
      text: `The nodes do not agree about ${cluster.contested.length > 0 ? `who owns the slots ${formatRanges(cluster.contested)}` : "members, roles and slots"} yet.`,
    });
  }
  const failing = cluster.live.filter(({ clusterState }) => clusterState === "fail");
  if (failing.length > 0) {
    findings.push({
      code: "state-fail",
      severity: "problem",
      instance: failing.length === 1 ? failing[0]?.id : undefined,
      text: `${naming(failing)} ${failing.length === 1 ? "says" : "say"} cluster_state:fail.`,
    });
  }
  return findings;
}
