import { isLabError } from "../../base/error.ts";
import { waitFor } from "../../base/wait.ts";
import type { InstanceAccess } from "../../redis/types.ts";
import { observeCluster } from "../model/observe.ts";
import { clusterOf, readTopology } from "../model/topology.ts";
import type { ClusterMember } from "../model/types.ts";
import { gapsBetween, gapText, staleText, staleViews } from "./agreement.ts";
import { introductions } from "./introduce.ts";

export interface AwaitAgreementOptions {
  /** Longest wait without a step forward, in milliseconds. @default 15000: gossip takes a second or two */
  readonly timeoutMs?: number | undefined;
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
export async function awaitAgreement(
  members: readonly ClusterMember[],
  access: InstanceAccess,
  { timeoutMs = 15_000, everybody = false, passive = false, signal }: AwaitAgreementOptions = {},
): Promise<string | undefined> {
  let missing = "";
  const introduceThem = introductions(access);
  try {
    await waitFor(
      async () => {
        const topology = readTopology(await observeCluster(members, access), members);
        const nodes = everybody ? [...topology.live.values()] : clusterOf(topology).live;
        const [gaps, stale] = [gapsBetween(nodes), staleViews(nodes)];
        const [gap, unheard] = [gaps[0], stale[0]];
        if (gap === undefined && unheard === undefined) return { done: true, value: undefined };
        missing = gap !== undefined ? gapText(gap) : unheard !== undefined ? staleText(unheard) : "";
        if (!passive) await introduceThem({ nodes, gaps, stale });
        return { done: false, missing, left: gaps.length + stale.length };
      },
      { what: "the nodes to agree", timeoutMs, signal },
    );
    return undefined;
  } catch (error) {
    if (isLabError(error) && error.code === "wait.timeout") return missing;
    throw error;
  }
}
