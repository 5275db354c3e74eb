import { isLabError } from "../../base/error.ts";
import { waitFor } from "../../base/wait.ts";
import { RedisReplyError } from "../../redis/reply-error.ts";
import type { ClusterNode, InstanceAccess } from "../../redis/types.ts";
import { commandRefused, notForgotten } from "../model/errors.ts";
import { observeCluster, selfOf } from "../model/observe.ts";
import { acquaintances } from "../model/topology.ts";
import type { ClusterMember, ClusterObservation } from "../model/types.ts";

// A node that was forgotten comes back by three ways. Gossip of those that still know it is refused for a minute, by those that forgot it (NODES_BLACKLIST_TTL in cluster.c of 4.0.14). A node that never knew it believes
// such gossip at once. And a handshake that was under way ends in knowing it, whatever was forgotten meanwhile: the blacklist is not asked (clusterProcessPacket, clusterRenameNode). We start such handshakes ourselves, as a
// MEET is how a node is made to tell of itself (introduce.ts). So it is looked until nobody knows it and nobody is about to.

/** What is to be unknown: a node under all ids that it had, and the address where it stands. */
export interface Departed {
  readonly id: string;
  readonly nodeIds: ReadonlySet<string>;
  /** Undefined where nothing stands at any address: an identity that is gone. */
  readonly at: Pick<ClusterMember, "address" | "port"> | undefined;
}

/** How long Redis refuses a node that was forgotten, in milliseconds: what is not done by then begins again. */
export const FORGETTING_MS = 60_000;

/** Who knows a node that is to be unknown, and who is about to. */
export interface Traces {
  readonly known: readonly { readonly by: string; readonly nodeId: string }[];
  readonly handshakes: readonly string[];
}

/** Pure. The node itself may know whom it wants, as long as it introduces itself to nobody; a replica of it can't forget it, and leaves or follows another one first. */
export function tracesOf({ nodes }: ClusterObservation, { id, nodeIds, at }: Departed): Traces {
  const known: { by: string; nodeId: string }[] = [];
  const handshakes: string[] = [];
  for (const node of nodes.values()) {
    if (!node.reachable) continue;
    const shaking = node.view.filter(({ flags }) => flags.has("handshake"));
    if (node.id === id || nodeIds.has(node.nodeId)) {
      if (shaking.length > 0) handshakes.push(node.id);
      continue;
    }
    if (nodeIds.has(selfOf(node)?.masterId ?? "")) continue;
    for (const line of acquaintances(node.view)) if (nodeIds.has(line.id)) known.push({ by: node.id, nodeId: line.id });
    if (at !== undefined && shaking.some((line) => standsAt(line, at))) handshakes.push(node.id);
  }
  return { known, handshakes };
}

function standsAt({ address, port }: ClusterNode, at: NonNullable<Departed["at"]>): boolean {
  return address === at.address && port === at.port;
}

export interface ForgetOptions {
  /** @default 60000, the time for which Redis refuses it */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes every member that answers forget a node, and looks until nobody knows it and nobody is in a handshake with it, twice in a row: a look at many nodes takes its time, and a handshake that ended at one
 * may have begun at the next meanwhile. A node that answered once has to answer in these looks as well: one that misses them is not known to have forgotten it.
 *
 * @throws LabError `cluster.not-forgotten` with those that know it still, `cluster.command-refused`
 */
export async function forgetEverywhere(
  departed: Departed,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  { timeoutMs = FORGETTING_MS, signal }: ForgetOptions = {},
): Promise<void> {
  let clean = 0;
  let last: Traces = { known: [], handshakes: [] };
  let silent: readonly string[] = [];
  const answered = new Set<string>();
  try {
    await waitFor(
      async () => {
        const observation = await observeCluster(members, access);
        silent = fallenSilent(observation, answered);
        last = tracesOf(observation, departed);
        await Promise.all(last.known.map(({ by, nodeId }) => forget(by, nodeId, access)));
        clean = last.known.length + last.handshakes.length + silent.length === 0 ? clean + 1 : 0;
        return clean >= 2
          ? { done: true, value: undefined }
          : { done: false, missing: silent.length > 0 ? `an answer of ${silent.join(", ")}` : traceText(departed, last) };
      },
      { what: `all to forget ${departed.id}`, timeoutMs, intervalMs: 50, signal },
    );
  } catch (error) {
    if (!(isLabError(error) && error.code === "wait.timeout")) throw error;
    throw notForgotten(departed, [...new Set([...knowers(last), ...silent])], Math.round(timeoutMs / 1000));
  }
}

/** Nodes that answered in an earlier look and do not answer in this one. Adds those of this look to `answered`. */
export function fallenSilent({ nodes }: ClusterObservation, answered: Set<string>): readonly string[] {
  for (const node of nodes.values()) if (node.reachable) answered.add(node.id);
  return [...answered].filter((id) => nodes.get(id)?.reachable !== true);
}

export function knowers({ known, handshakes }: Traces): readonly string[] {
  return [...new Set([...known.map(({ by }) => by), ...handshakes])];
}

export function traceText({ id }: Departed, traces: Traces): string {
  const by = knowers(traces);
  return by.length === 0 ? `a second look at who knows ${id}` : `${by.join(", ")} without ${id}`;
}

/** CLUSTER FORGET; nothing where it is forgotten already. @throws LabError `cluster.command-refused` */
export async function forget(by: string, nodeId: string, access: InstanceAccess): Promise<void> {
  try {
    await (await access.client(by)).call(["CLUSTER", "FORGET", nodeId]);
  } catch (error) {
    if (!(error instanceof RedisReplyError)) throw error;
    if (!/Unknown node/i.test(error.message)) throw commandRefused(by, "CLUSTER FORGET", error.message);
  }
}
