import { silenceOf } from "../../redis/silence.ts";
import type { InstanceAccess } from "../../redis/types.ts";
import { discover } from "./discover.ts";
import { nothingAnswers } from "./errors.ts";
import { type Component, clusterOf, readTopology, type Topology } from "./topology.ts";
import type { ClusterMember } from "./types.ts";

/** A cluster as it stands, declared or not: what every verb plans from. */
export interface ClusterView {
  /** Declared and discovered. */
  readonly members: readonly ClusterMember[];
  readonly topology: Topology;
  readonly cluster: Component;
}

/**
 * Looks at the known members and at every node that these know of.
 *
 * @throws LabError `cluster.nothing-answers` where none of them can be looked at
 */
export async function observeClusterView(known: readonly ClusterMember[], access: InstanceAccess): Promise<ClusterView> {
  const { members, observation } = await discover(known, access);
  const topology = readTopology(observation, members);
  if (topology.live.size === 0) throw nothingAnswers(silenceOf(silentOf(topology)));
  return { members, topology, cluster: clusterOf(topology) };
}

function silentOf({ absent, observation }: Topology): Parameters<typeof silenceOf>[0] {
  return [...absent].map(([id, { why }]) => {
    const said = observation.nodes.get(id);
    return said?.reachable === false ? said : { id, error: why };
  });
}
