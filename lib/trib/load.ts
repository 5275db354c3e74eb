import { isLabError } from "../base/error.ts";
import { auditSlots } from "../cluster/findings/slot-audit.ts";
import { awaitAgreement } from "../cluster/gossip/await-agreement.ts";
import { discover, discoveredMember } from "../cluster/model/discover.ts";
import { observeCluster, selfOf } from "../cluster/model/observe.ts";
import { clusterAround, type LiveNode, readTopology } from "../cluster/model/topology.ts";
import type { ClusterMember, NodeObservation } from "../cluster/model/types.ts";
import type { ClusterView } from "../cluster/model/view.ts";
import { reasonUnreachable } from "../redis/reply-error.ts";
import { parseAddress, resolveHost } from "./addresses.ts";
import { adviceFor } from "./errors.ts";
import { Quit } from "./host.ts";
import { nameOf, type TribSession } from "./session.ts";
import { unknownMasterWarning } from "./words.ts";

/** A cluster as redis-trib lists it. */
export interface TribCluster extends ClusterView {
  readonly seed: LiveNode;
  /** All of the seed's cluster that answer, the seed first. */
  readonly nodes: readonly LiveNode[];
  /** How much was said about nodes that should have answered. */
  readonly complaints: number;
}

/** A node that was named on the command line, with what it says. Ends the command where it gives no answer, or is in no cluster mode. @throws Quit */
export async function openNode(session: TribSession, text: string): Promise<LiveNode> {
  return readLook(session, await lookAt(session, text));
}

/** The same for several nodes, which are looked at side by side; the first one in their order with which something is wrong ends the command. */
export async function* openNodes(session: TribSession, texts: readonly string[]): AsyncGenerator<LiveNode> {
  const looks = texts.map((text) => lookAt(session, text));
  for (const look of looks) yield readLook(session, await look);
}

/** What a node that was named on the command line gave; `shown` is its name there. */
type Look =
  | { readonly kind: "unreadable"; readonly text: string }
  | { readonly kind: "silent"; readonly shown: string; readonly error: unknown }
  | { readonly kind: "seen"; readonly shown: string; readonly member: ClusterMember; readonly seen: NodeObservation | undefined };

/** Never rejects, and says nothing. */
async function lookAt({ access }: TribSession, text: string): Promise<Look> {
  const typed = parseAddress(text);
  if (typed === undefined) return { kind: "unreadable", text };
  const { shown, host, port } = typed;
  try {
    const member = discoveredMember(await resolveHost(host), port);
    // Only the error itself says by its code what is to be done.
    await access.client(member.id);
    return { kind: "seen", shown, member, seen: (await observeCluster([member], access)).nodes.get(member.id) };
  } catch (error) {
    return { kind: "silent", shown, error };
  }
}

function readLook(session: TribSession, look: Look): LiveNode {
  const { screen, access, names } = session;
  if (look.kind === "unreadable") {
    screen.puts(`Invalid IP or Port (given as ${look.text}) - use IP:Port format`);
    throw new Quit(1);
  }
  if (look.kind === "silent") return unreachable(session, look.shown, look.error);
  const { shown, member, seen } = look;
  if (seen?.reachable !== true) return unreachable(session, shown, seen?.error);
  if (!seen.clusterEnabled) screen.die(`[ERR] Node ${shown} is not configured as a cluster node.`);
  const self = selfOf(seen);
  if (seen.loading || self === undefined) return unreachable(session, shown, "it is still loading its data");
  const announced = self.address === "" ? member : discoveredMember(self.address, self.port);
  if (announced.id !== member.id) access.route(announced.id, member.address, member.port);
  if (announced.id !== shown) names.set(announced.id, shown);
  return { ...seen, id: announced.id, member: announced, self };
}

function unreachable({ screen, host }: TribSession, shown: string, error: unknown): never {
  // What was given up is not a finding.
  host.signal.throwIfAborted();
  screen.endLine();
  screen.xputs(`[ERR] Sorry, can't connect to node ${shown}`);
  const why = typeof error === "string" ? error : reasonUnreachable(error);
  const advice = isLabError(error) ? adviceFor(error.code) : /NOAUTH/.test(why) ? adviceFor("redis.wrong-password") : undefined;
  host.warn(`redis-trib: ${shown}: ${why}${advice === undefined ? "" : ` ${advice}`}`);
  throw new Quit(1);
}

/** The cluster of a node that was named on the command line, and who of it gives no answer. @throws Quit */
export async function loadCluster(session: TribSession, text: string): Promise<TribCluster> {
  const seed = await openNode(session, text);
  return observeFrom(session, seed, true);
}

/** How long nodes that have just heard of a change may take to agree, in milliseconds. */
const SETTLING_MS = 5_000;

/** The same for a command that changes something: a view that passes by itself is waited for. @throws Quit */
export async function loadSettled(session: TribSession, text: string): Promise<TribCluster> {
  const cluster = await loadCluster(session, text);
  const { agreed, openSlots } = auditSlots(cluster.nodes);
  if (agreed || openSlots.length > 0) return cluster;
  await awaitAgreement(
    cluster.nodes.map(({ member }) => member),
    session.access,
    { timeoutMs: SETTLING_MS, signal: session.host.signal },
  );
  return { ...(await observeAgain(session, cluster)), complaints: cluster.complaints };
}

/** The same again, after something was changed; without words. */
export function observeAgain(session: TribSession, { seed }: Pick<TribCluster, "seed">): Promise<TribCluster> {
  return observeFrom(session, seed, false);
}

async function observeFrom(session: TribSession, { member, nodeId }: LiveNode, aloud: boolean): Promise<TribCluster> {
  const { screen } = session;
  const { members, observation } = await discover([member], session.access);
  session.host.signal.throwIfAborted();
  const topology = readTopology(observation, members);
  const seed = [...topology.live.values()].find((node) => node.nodeId === nodeId);
  if (seed === undefined) return unreachable(session, nameOf(session, member.id), topology.absent.get(member.id)?.why);
  // Another node may stand by now at an address that the cluster knows.
  const around = clusterAround(topology, seed.id);
  const nodes = around.live;
  const cluster: TribCluster = { members, topology, cluster: around, seed, nodes, complaints: 0 };
  if (!aloud) return cluster;
  if (session.options.has("verbose")) for (const { id } of nodes) screen.xputs(`Connecting to node ${nameOf(session, id)}: OK`);
  return { ...cluster, complaints: missing(session, cluster) + strays(session, cluster) };
}

/** Nodes that the seed takes for alive, and that give no answer. Of those that it takes for failed redis-trib.rb says nothing, and they count as no error; that they are missing is said beside. */
function missing({ screen, host, options }: TribSession, { seed, topology }: TribCluster): number {
  let count = 0;
  for (const { address, port, flags, myself } of seed.view) {
    const absent = topology.absent.get(`${address}:${port}`);
    if (myself || absent === undefined || flags.has("noaddr")) continue;
    if (flags.has("fail")) {
      host.warn(`redis-trib: ${address}:${port} gives no answer, and the others take it for failed: ${absent.why}`);
      continue;
    }
    if (options.has("verbose")) screen.print(`Connecting to node ${address}:${port}: `);
    screen.xputs(`[ERR] Sorry, can't connect to node ${address}:${port}`);
    host.warn(`redis-trib: ${address}:${port}: ${absent.why}`);
    count += 1;
  }
  return count;
}

function strays(session: TribSession, { nodes }: TribCluster): number {
  const lost = nodes.filter(({ self }) => self.masterId !== undefined && !nodes.some(({ nodeId }) => nodeId === self.masterId));
  for (const { id, self } of lost) session.screen.xputs(unknownMasterWarning(nameOf(session, id), self.masterId ?? ""));
  return lost.length;
}
