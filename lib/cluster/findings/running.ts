import { byCount } from "../../base/text.ts";
import { resyncs, resyncText, type ServerHealth, saveFindings } from "../../redis/health.ts";
import { countSlots, formatRanges, withoutSlots } from "../model/slots.ts";
import { type Component, naming, signatureOf, type Topology, uncoveredSlots } from "../model/topology.ts";
import type { ClusterFinding } from "../model/types.ts";
import { lostAdvice, lostMasters, lostText } from "./lost-masters.ts";

/** What is wrong inside a formed cluster, whatever was declared. */
export function runningFindings(topology: Topology, cluster: Component): ClusterFinding[] {
  const findings: ClusterFinding[] = [];
  const uncovered = uncoveredSlots(cluster);
  const lost = lostMasters(topology, cluster).filter(({ slots }) => countSlots(withoutSlots(uncovered, slots)) < countSlots(uncovered));
  for (const each of lost)
    findings.push({
      code: "uncovered-slots",
      severity: "problem",
      instance: each.newcomer?.id,
      text: `${countSlots(each.slots)} slots of the cluster have no owner: ${lostText(each)}`,
      next: lostAdvice(each),
    });
  const gaps = lost.reduce((left, { slots }) => withoutSlots(left, slots), uncovered);
  if (gaps.length > 0) {
    findings.push({
      code: "uncovered-slots",
      severity: "problem",
      instance: undefined,
      text: `${countSlots(gaps)} slots of the cluster have no owner: ${formatRanges(gaps)}.`,
      next: "`redis-lab cluster fix LAB` gives each to the master that has its keys, and those without keys to the masters with the fewest slots; `up` never gives away slots of a formed cluster.",
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
  for (const { id, masterLink, self, health } of cluster.live) {
    if (self.role !== "replica" || masterLink === "up") continue;
    const master = self.masterId === undefined ? undefined : topology.instanceOf(self.masterId);
    findings.push({
      code: "replica-link-down",
      severity: "problem",
      instance: id,
      text: `${id} has no working link to its master ${master ?? self.masterId ?? "(none)"}${linkText(health)}.`,
      next: `Look at its log: \`redis-lab logs LAB ${id}\`.`,
    });
  }
  for (const { id, nodeId, self, health } of cluster.live) {
    findings.push(...saveFindings(id, health));
    const replicas = cluster.live
      .filter((other) => other.self.masterId === nodeId)
      .map(({ masterLink }) => ({ inStep: masterLink === "up" }));
    if (self.role !== "master" || health === undefined || !resyncs(health, replicas)) continue;
    findings.push({
      code: "resyncing",
      severity: "note",
      instance: id,
      text: `${id} ${resyncText(health)}.`,
      next: `Look at its log: \`redis-lab logs LAB ${id}\`.`,
    });
  }
  if (cluster.contested.length > 0 || new Set(cluster.live.map(signatureOf)).size > 1) {
    findings.push({
      code: "views-disagree",
      severity: "problem",
      instance: undefined,
      text: `The nodes do not agree about ${cluster.contested.length > 0 ? `who owns the slots ${formatRanges(cluster.contested)}` : "members, roles and slots"} yet.`,
      next: "`redis-lab cluster wait LAB` waits until they do; `redis-lab cluster fix LAB` gives a slot that two own to one of them.",
    });
  }
  const failing = cluster.live.filter(({ clusterState }) => clusterState === "fail");
  if (failing.length > 0) {
    findings.push({
      code: "state-fail",
      severity: "problem",
      instance: failing.length === 1 ? failing[0]?.id : undefined,
      text: `${naming(failing)} ${byCount(failing.length, "says", "say")} cluster_state:fail.`,
      next: "It passes with what is named here otherwise, and by itself once the nodes have heard of each other: `redis-lab cluster wait LAB` waits for it.",
    });
  }
  return findings;
}

function linkText(health: ServerHealth | undefined): string {
  if (health?.syncing === true) return "; a full synchronisation is under way";
  return health?.linkDownSeconds === undefined ? "" : `, for ${health.linkDownSeconds} s`;
}
