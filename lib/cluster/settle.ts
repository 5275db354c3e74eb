import { isLabError } from "../error.ts";
import type { InstanceAccess } from "../redis/types.ts";
import { waitFor } from "../wait.ts";
import { observeCluster } from "./observe.ts";
import { formatRanges } from "./slots.ts";
import { acquaintances, clusterOf, type LiveNode, naming, readTopology } from "./topology.ts";
import type { ClusterMember } from "./types.ts";

export interface SettleOptions {
  /** Longest wait, in milliseconds. @default 15000: gossip takes a second or two */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits until the nodes that answer know each other, tell the same of each other's roles and slots, and have heard of each other's config epochs: the next change may come then. Unlike the `await-formed` of plans it
 * asks for no replica to be in step and no dead node to come back, which may take long or never happen in a cluster that is not ours to judge.
 *
 * @returns what was not seen in time; undefined once all agree
 */
export async function settle(
  members: readonly ClusterMember[],
  access: InstanceAccess,
  { timeoutMs = 15_000, signal }: SettleOptions = {},
): Promise<string | undefined> {
  let missing = "";
  try {
    await waitFor(
      async () => {
        const topology = readTopology(await observeCluster(members, access), members);
        const found = disagreement(clusterOf(topology).live);
        missing = found ?? "";
        return found === undefined ? { done: true, value: undefined } : { done: false, missing: found };
      },
      { what: "the nodes to agree", timeoutMs, ...(signal && { signal }) },
    );
    return undefined;
  } catch (error) {
    if (isLabError(error) && error.code === "wait.timeout") return missing;
    throw error;
  }
}

/** Pure. */
function disagreement(nodes: readonly LiveNode[]): string | undefined {
  for (const from of nodes) {
    for (const to of nodes) {
      const line = acquaintances(from.view).find(({ id }) => id === to.nodeId);
      if (line === undefined) return `${from.id} does not know ${to.id}`;
      if (to.self.role === "master" && line.configEpoch < to.self.configEpoch)
        return `${from.id} has not heard of the config epoch of ${to.id}`;
    }
  }
  const live = new Set(nodes.map(({ nodeId }) => nodeId));
  const told = ({ view }: LiveNode) =>
    acquaintances(view)
      .filter(({ id }) => live.has(id))
      .map(({ id, role, masterId, slots }) => `${id} ${role} ${masterId ?? "-"} ${formatRanges(slots)}`)
      .sort()
      .join("\n");
  return new Set(nodes.map(told)).size > 1 ? `${naming(nodes)} do not tell the same of roles and slots` : undefined;
}
