import { countSlots, formatRanges } from "../cluster/model/slots.ts";
import type { LiveNode } from "../cluster/model/topology.ts";
import type { TribCluster } from "./load.ts";
import { nameOf, type TribSession } from "./session.ts";
import { wireFlag } from "./words.ts";

/** A node in the three lines of redis-trib (info_string of 4.0.14), with the number of its replicas. */
export function nodeText(session: TribSession, node: LiveNode, { nodes }: Pick<TribCluster, "nodes">): string {
  const { self, nodeId } = node;
  const lines = [`${self.role === "master" ? "M" : "S"}: ${nodeId} ${nameOf(session, node.id)}`, slotsLine(node)];
  if (self.masterId !== undefined) lines.push(`   replicates ${self.masterId}`);
  else if (self.role === "master") lines.push(`   ${replicasOf(node, nodes).length} additional replica(s)`);
  return lines.join("\n");
}

export function slotsLine({ self }: Pick<LiveNode, "self">, slots = self.slots): string {
  const flags = [...self.flags].filter((flag) => flag !== "myself").map(wireFlag);
  return `   slots:${slots.length === 0 ? "" : formatRanges(slots)} (${countSlots(slots)} slots) ${flags.join(",")}`;
}

export function replicasOf({ nodeId }: Pick<LiveNode, "nodeId">, nodes: readonly LiveNode[]): readonly LiveNode[] {
  return nodes.filter(({ self }) => self.masterId === nodeId);
}
