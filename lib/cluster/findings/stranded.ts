import { type Component, isIsolated, type LiveNode, ownSlots, type Topology } from "../model/topology.ts";
import { lostMasters } from "./lost-masters.ts";
import { replicationTarget } from "./replication.ts";

/** A declared instance that is alone and has something, while others serve its shard: a rescue that was cut off leaves one, or an instance that lost its identity and not its data. */
export interface StrandedMember {
  readonly node: LiveNode;
  /** Who has its shard, and whom it has to follow. */
  readonly master: LiveNode;
}

/** Those that stand beside a formed cluster with keys or slots of their own. Pure. */
export function strandedMembers(topology: Topology, cluster: Component): readonly StrandedMember[] {
  if (!cluster.formed) return [];
  const newcomers = new Set(lostMasters(topology, cluster).map(({ newcomer }) => newcomer?.id));
  return topology.wanted.flatMap(({ id }): StrandedMember[] => {
    const node = topology.live.get(id);
    if (node === undefined || cluster.live.includes(node) || newcomers.has(id) || !isIsolated(node)) return [];
    if (node.keys === 0 && ownSlots(node).length === 0) return [];
    const target = replicationTarget(topology, cluster, id);
    const master = cluster.live.find((other) => other.id === target && ownSlots(other).length > 0);
    return master === undefined ? [] : [{ node, master }];
  });
}

/** The command that leads on, and what it does. */
export function strandedAdvice({ node, master }: StrandedMember): string {
  return `\`redis-lab cluster fix LAB\` saves what ${node.id} has otherwise, empties it and makes it a replica of ${master.id}.`;
}
