import type { FormerMember } from "../model/topology.ts";
import { readTopology } from "../model/topology.ts";
import type { ClusterFinding, ClusterMember } from "../model/types.ts";
import type { ClusterView } from "../model/view.ts";
import { findingsOf } from "./declared.ts";

/** What a lab declares, as far as a running cluster is judged by it. */
export interface Declaration {
  readonly members: readonly ClusterMember[];
  readonly formerMembers: readonly FormerMember[];
}

/**
 * The one judge: everything that is not as declared or not healthy in a cluster, whichever verb looks at it. What was discovered besides the declared members was looked at with them, and is judged as what it
 * is, a node that the lab does not know. Pure.
 */
export function judgeCluster(
  { topology }: Pick<ClusterView, "topology">,
  { members, formerMembers }: Declaration,
): readonly ClusterFinding[] {
  return findingsOf(readTopology(topology.observation, members, formerMembers));
}

/** True where nothing is wrong: notes alone. Pure. */
export function isWell(findings: readonly Pick<ClusterFinding, "severity">[]): boolean {
  return findings.every(({ severity }) => severity === "note");
}
