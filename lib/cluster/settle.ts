import { isLabError } from "../error.ts";
import type { InstanceAccess } from "../redis/types.ts";
import { waitFor } from "../wait.ts";
import { gapsBetween, gapText, staleText, staleViews } from "./agree.ts";
import { INTRODUCE_AGAIN_MS, introduce } from "./introduce.ts";
import { observeCluster } from "./observe.ts";
import { clusterOf, readTopology } from "./topology.ts";
import type { ClusterMember } from "./types.ts";

export interface SettleOptions {
  /** Longest wait, in milliseconds. @default 15000: gossip takes a second or two */
  readonly timeoutMs?: number;
  /** Members that nobody knows yet count as well. @default false: the cluster as it is */
  readonly everybody?: boolean;
  /** Nothing is done but waiting. @default false: nodes that have not heard of others are introduced to them */
  readonly passive?: boolean;
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
  { timeoutMs = 15_000, everybody = false, passive = false, signal }: SettleOptions = {},
): Promise<string | undefined> {
  let missing = "";
  let nextIntroduction = passive ? Number.POSITIVE_INFINITY : 0;
  try {
    await waitFor(
      async () => {
        const topology = readTopology(await observeCluster(members, access), members);
        const nodes = everybody ? [...topology.live.values()] : clusterOf(topology).live;
        const [gaps, stale] = [gapsBetween(nodes), staleViews(nodes)];
        const [first] = [...gaps.map(gapText), ...stale.map(staleText)];
        if (first === undefined) return { done: true, value: undefined };
        missing = first;
        if (performance.now() >= nextIntroduction) {
          nextIntroduction = performance.now() + INTRODUCE_AGAIN_MS;
          await introduce({ nodes, gaps, stale }, access);
        }
        return { done: false, missing };
      },
      { what: "the nodes to agree", timeoutMs, ...(signal && { signal }) },
    );
    return undefined;
  } catch (error) {
    if (isLabError(error) && error.code === "wait.timeout") return missing;
    throw error;
  }
}
