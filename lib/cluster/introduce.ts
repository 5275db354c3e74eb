import { BUS_OFFSET } from "../lab/instances.ts";
import { RedisReplyError } from "../redis/reply-error.ts";
import type { BatchReply, InstanceAccess } from "../redis/types.ts";
import type { Agreement, Gap } from "./agree.ts";
import { commandRefused } from "./errors.ts";
import type { LiveNode } from "./topology.ts";

/** Pause between two introductions, in milliseconds: a handshake lives for max(cluster-node-timeout, 1 s), and a repeated MEET costs nothing. */
export const INTRODUCE_AGAIN_MS = 300;

/**
 * Introduces nodes to each other that do not know each other, and lets nodes tell of themselves where others have not heard of it: whoever is met by somebody whom it knows takes its word for role, slots and config
 * epoch, which every packet carries (clusterProcessPacket in cluster.c of 4.0.14), and the meeting leaves nothing behind. Gossip does both by itself, in seconds with a few nodes and in half of cluster-node-timeout
 * with many. All at once, as a handshake takes two turns of the cluster's clock, of 100 ms each, whatever else goes on.
 *
 * @throws LabError `cluster.command-refused`
 */
export async function introduce(
  { nodes, gaps, stale }: Pick<Agreement, "nodes" | "gaps" | "stale">,
  access: InstanceAccess,
): Promise<void> {
  const visits = new Map<LiveNode, Set<LiveNode>>();
  const visit = (from: LiveNode, to: LiveNode) => visits.set(from, (visits.get(from) ?? new Set()).add(to));
  for (const { from, to } of oncePerPair(gaps, nodes)) visit(from, to);
  for (const { from, to } of stale) visit(to, from);
  await Promise.all(
    [...visits].map(async ([from, all]) => {
      const replies = await tell(from, [...all], access);
      const refused = replies.find((reply) => reply instanceof RedisReplyError);
      if (refused !== undefined) throw commandRefused(from.id, "CLUSTER MEET", refused.message);
    }),
  );
}

/**
 * Makes a node tell others of itself now: gossip takes about a second, a MEET a tenth. Between nodes that know each other it changes nothing, and carries the sender's epochs
 * (clusterProcessPacket in cluster.c).
 */
export async function tell(node: LiveNode, others: readonly LiveNode[], access: InstanceAccess): Promise<readonly BatchReply[]> {
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
  );
}

/** Two that do not know each other are introduced by one of them; by turns, so that nobody has to meet all the others. */
function oncePerPair(gaps: readonly Gap[], nodes: readonly LiveNode[]): readonly Gap[] {
  const places = new Map(nodes.map((node, index) => [node, index]));
  const open = new Set(gaps.map(({ from, to }) => `${from.nodeId} ${to.nodeId}`));
  return gaps.filter(({ from, to }) => {
    const [a, b] = [places.get(from) ?? 0, places.get(to) ?? 0];
    return !open.has(`${to.nodeId} ${from.nodeId}`) || a < b === ((a + b) % 2 === 0);
  });
}
