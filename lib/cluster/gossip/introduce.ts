import { isLabError } from "../../base/error.ts";
import { BUS_OFFSET } from "../../lab/layouts/cluster.ts";
import { RedisReplyError } from "../../redis/reply-error.ts";
import type { BatchReply, InstanceAccess } from "../../redis/types.ts";
import { commandRefused } from "../model/errors.ts";
import { patienceWith } from "../model/observe.ts";
import { formatRanges } from "../model/slots.ts";
import type { LiveNode } from "../model/topology.ts";
import type { AcquaintanceGap, Agreement, Stale } from "./agreement.ts";

/** Pause between two introductions, in milliseconds. */
export const INTRODUCE_AGAIN_MS = 300;

/**
 * How long two that were introduced are left to it, in milliseconds. A handshake takes two turns of the cluster's clock, longer on a busy computer, and lives for max(cluster-node-timeout, 1 s): a MEET meanwhile does
 * nothing (clusterHandshakeInProgress), and one after it, while others still hear of it, makes one more link. Short enough for a node that was restarted in between.
 */
export const SAME_PAIR_AGAIN_MS = 2000;

/** Most others to which one node tells of itself in one introduction, where these have not heard of it: what is left comes with the next one, or with a PING of its own meanwhile. */
const MOST_TOLD = 64;

/**
 * Introduces nodes to each other that do not know each other, and lets nodes tell of themselves where others have not heard of it: a node that is met by one that it knows takes its word for role, slots and config
 * epoch, which every packet carries (clusterProcessPacket in cluster.c of 4.0.14), and the meeting leaves nothing behind. Gossip does both by itself, in seconds with a few nodes and in half of cluster-node-timeout
 * with many. All at once, as a handshake takes two turns of the cluster's clock, of 100 ms each, whatever else goes on.
 *
 * Of n nodes it asks for n log n handshakes at most, and not for one of each pair: each node calls on those at distances 1, 2, 4, … of it. Every packet of a node names a tenth of all whom it knows, at least three
 * (clusterSendPing); who was named is called by the one that heard of it, and answers with further names, so that all know all some turns of the clock later. A MEET whose answer does not come in time is given again by
 * the next introduction.
 *
 * @param done what was introduced, and until when it is left to that, on the clock of performance.now; is added to
 * @throws LabError `cluster.command-refused`
 */
export async function introduce(
  { nodes, gaps, stale }: Pick<Agreement, "nodes" | "gaps" | "stale">,
  access: InstanceAccess,
  done = new Map<string, number>(),
): Promise<void> {
  const now = performance.now();
  const isDue = ({ key }: Call) => now >= (done.get(key) ?? 0);
  const calls = [...mostOfEach(stale.map(tellingOf).filter(isDue)), ...handshakes(gaps, nodes).map(meetingOf).filter(isDue)];
  const byCaller = new Map<LiveNode, { readonly others: Set<LiveNode>; readonly keys: string[] }>();
  for (const { from, to, key } of calls) {
    const calling = byCaller.get(from) ?? { others: new Set(), keys: [] };
    byCaller.set(from, calling);
    calling.others.add(to);
    calling.keys.push(key);
  }
  await Promise.all(
    [...byCaller].map(async ([from, { others, keys }]) => {
      const replies = await tell(from, [...others], access, patienceWith(nodes.length)).catch((error: unknown) => {
        if (isLabError(error) && error.code === "redis.timeout") return undefined;
        throw error;
      });
      if (replies === undefined) return;
      const refused = replies.find((reply) => reply instanceof RedisReplyError);
      if (refused !== undefined) throw commandRefused(from.id, "CLUSTER MEET", refused.message);
      const until = performance.now() + SAME_PAIR_AGAIN_MS;
      for (const key of keys) done.set(key, until);
    }),
  );
}

/**
 * What a wait does for nodes that do not know each other yet: introduces them, at most every INTRODUCE_AGAIN_MS, and the same two at most every SAME_PAIR_AGAIN_MS. Where many have not heard of many, most of that is a
 * link that is being made and passes in a turn of the cluster's clock; a node that has not heard by the second look is sent a MEET.
 */
export function introductions(access: InstanceAccess): (seen: Pick<Agreement, "nodes" | "gaps" | "stale">) => Promise<void> {
  let next = 0;
  let before = new Set<string>();
  const done = new Map<string, number>();
  return async ({ nodes, gaps, stale }) => {
    const few = stale.length <= nodes.length * turnsOf(nodes);
    const lasting = few ? stale : stale.filter((each) => before.has(keyOf(each)));
    before = new Set(stale.map(keyOf));
    if (performance.now() < next || gaps.length + lasting.length === 0) return;
    next = performance.now() + INTRODUCE_AGAIN_MS;
    await introduce({ nodes, gaps, stale: lasting }, access, done);
  };
}

function keyOf({ from, to, what }: Stale): string {
  return `${from.nodeId} ${to.nodeId} ${what}`;
}

/** One node that is to call on another, and what that is for. */
interface Call extends AcquaintanceGap {
  readonly key: string;
}

/** Whichever of the two calls, it is one handshake. */
function meetingOf({ from, to }: AcquaintanceGap): Call {
  return { from, to, key: [from.nodeId, to.nodeId].sort().join(" ") };
}

/** What changed since the last report is reported at once. */
function tellingOf(each: Stale): Call {
  const { role, masterId, configEpoch, slots } = each.to.self;
  return { from: each.to, to: each.from, key: `${keyOf(each)} ${role} ${masterId} ${configEpoch} ${formatRanges(slots)}` };
}

function mostOfEach(calls: readonly Call[]): readonly Call[] {
  const counts = new Map<LiveNode, number>();
  return calls.filter(({ from }) => {
    const count = counts.get(from) ?? 0;
    counts.set(from, count + 1);
    return count < MOST_TOLD;
  });
}

function turnsOf(nodes: readonly LiveNode[]): number {
  return Math.ceil(Math.log2(Math.max(nodes.length, 2)));
}

/** Who is to meet whom, so that nodes get to know those whom they lack: each pair where that is few, else for each node the nearest that it lacks, the second, fourth, eighth, … Pure. */
export function handshakes(gaps: readonly AcquaintanceGap[], nodes: readonly LiveNode[]): readonly AcquaintanceGap[] {
  const turns = turnsOf(nodes);
  const pairs = oncePerPair(gaps, nodes);
  if (pairs.length <= nodes.length * turns) return pairs;
  const lacks = new Map<LiveNode, Set<LiveNode>>();
  for (const { from, to } of gaps) lacks.set(from, (lacks.get(from) ?? new Set()).add(to));
  return nodes.flatMap((from, place) => {
    const lacked = lacks.get(from);
    if (lacked === undefined) return [];
    const around = [...nodes.slice(place + 1), ...nodes.slice(0, place)].filter((node) => lacked.has(node));
    return Array.from({ length: turns }, (_, turn) => around[2 ** turn - 1]).flatMap((to) => (to === undefined ? [] : [{ from, to }]));
  });
}

/**
 * Makes a node tell others of itself now: gossip takes about a second, a MEET a tenth. Between nodes that know each other it changes nothing, and carries the sender's epochs
 * (clusterProcessPacket in cluster.c).
 */
export async function tell(
  node: LiveNode,
  others: readonly LiveNode[],
  access: InstanceAccess,
  timeoutMs = patienceWith(others.length),
): Promise<readonly BatchReply[]> {
  const client = await access.client(node.id);
  return client.callAll(
    others
      .filter((other) => other !== node)
      .map(({ member: { address, port }, self: { busPort } }) => [
        "CLUSTER",
        "MEET",
        address,
        port,
        ...(busPort === port + BUS_OFFSET || busPort === 0 ? [] : [busPort]),
      ]),
    { timeoutMs },
  );
}

/** Two that do not know each other are introduced by one of them; by turns, so that nobody has to meet all the others. */
function oncePerPair(gaps: readonly AcquaintanceGap[], nodes: readonly LiveNode[]): readonly AcquaintanceGap[] {
  const places = new Map(nodes.map((node, index) => [node, index]));
  const open = new Set(gaps.map(({ from, to }) => `${from.nodeId} ${to.nodeId}`));
  return gaps.filter(({ from, to }) => {
    const [a, b] = [places.get(from) ?? 0, places.get(to) ?? 0];
    return !open.has(`${to.nodeId} ${from.nodeId}`) || a < b === ((a + b) % 2 === 0);
  });
}
