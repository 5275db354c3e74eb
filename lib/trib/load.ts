import { auditSlots } from "../cluster/audit.ts";
import { discover, discoveredMember } from "../cluster/discover.ts";
import type { ClusterLook } from "../cluster/look.ts";
import { observeCluster, selfOf } from "../cluster/observe.ts";
import { settle } from "../cluster/settle.ts";
import { clusterOf, type LiveNode, readTopology } from "../cluster/topology.ts";
import type { ClusterMember } from "../cluster/types.ts";
import { isLabError, messageOf, whatOf } from "../error.ts";
import { parseAddress, resolveHost } from "./addresses.ts";
import { adviceFor } from "./errors.ts";
import { Quit } from "./host.ts";
import { nameOf, type Session } from "./session.ts";
import { unknownMasterWarning } from "./words.ts";

/** A cluster as redis-trib lists it. */
export interface TribCluster extends ClusterLook {
  readonly seed: LiveNode;
  /** All that answer, the seed first. */
  readonly nodes: readonly LiveNode[];
  /** How much was said about nodes that should have answered. */
  readonly complaints: number;
}

/** A node that was named on the command line, with what it says. Ends the command where it gives no answer, or is in no cluster mode. @throws Quit */
export async function openNode(session: Session, text: string): Promise<LiveNode> {
  const { screen, access, names } = session;
  const typed = parseAddress(text);
  if (typed === undefined) {
    screen.puts(`Invalid IP or Port (given as ${text}) - use IP:Port format`);
    throw new Quit(1);
  }
  const { shown, host, port } = typed;
  let member: ClusterMember;
  try {
    member = discoveredMember(await resolveHost(host), port);
    // Only the error itself says by its code what is to be done.
    await access.client(member.id);
  } catch (error) {
    return unreachable(session, shown, error);
  }
  const seen = (await observeCluster([member], access)).nodes.get(member.id);
  if (seen?.reachable !== true) return unreachable(session, shown, seen?.error);
  if (!seen.clusterEnabled) screen.die(`[ERR] Node ${shown} is not configured as a cluster node.`);
  const self = selfOf(seen);
  if (seen.loading || self === undefined) return unreachable(session, shown, "it is still loading its data");
  const announced = self.address === "" ? member : discoveredMember(self.address, self.port);
  if (announced.id !== member.id) access.route(announced.id, member.address, member.port);
  if (announced.id !== shown) names.set(announced.id, shown);
  return { ...seen, id: announced.id, member: announced, self };
}

function unreachable({ screen, host }: Session, shown: string, error: unknown): never {
  screen.endLine();
  screen.xputs(`[ERR] Sorry, can't connect to node ${shown}`);
  const why = typeof error === "string" ? error : isLabError(error) ? whatOf(error) : messageOf(error);
  const advice = isLabError(error) ? adviceFor(error.code) : /NOAUTH/.test(why) ? adviceFor("redis.wrong-password") : undefined;
  host.warn(`redis-trib: ${shown}: ${why}${advice === undefined ? "" : ` ${advice}`}`);
  throw new Quit(1);
}

/** The cluster of a node that was named on the command line, and who of it gives no answer. @throws Quit */
export async function loadCluster(session: Session, text: string): Promise<TribCluster> {
  const seed = await openNode(session, text);
  return lookFrom(session, seed, true);
}

/** How long nodes that have just heard of a change may take to agree, in milliseconds. */
const SETTLING_MS = 5_000;

/** The same for a command that changes something: a view that passes by itself is waited for. @throws Quit */
export async function loadSettled(session: Session, text: string): Promise<TribCluster> {
  const cluster = await loadCluster(session, text);
  const { agreed, openSlots } = auditSlots(cluster.nodes);
  if (agreed || openSlots.length > 0) return cluster;
  await settle(
    cluster.nodes.map(({ member }) => member),
    session.access,
    { timeoutMs: SETTLING_MS, signal: session.host.signal },
  );
  return { ...(await lookAgain(session, cluster)), complaints: cluster.complaints };
}

/** The same again, after something was changed; without words. */
export function lookAgain(session: Session, { seed }: Pick<TribCluster, "seed">): Promise<TribCluster> {
  return lookFrom(session, seed, false);
}

async function lookFrom(session: Session, { member, nodeId }: LiveNode, aloud: boolean): Promise<TribCluster> {
  const { screen } = session;
  const { members, observation } = await discover([member], session.access);
  const topology = readTopology(observation, members);
  const nodes = [...topology.live.values()];
  const seed = nodes.find((node) => node.nodeId === nodeId);
  if (seed === undefined) return unreachable(session, nameOf(session, member.id), topology.absent.get(member.id)?.why);
  const cluster: TribCluster = { members, topology, cluster: clusterOf(topology), seed, nodes, complaints: 0 };
  if (!aloud) return cluster;
  if (session.options.has("verbose")) for (const { id } of nodes) screen.xputs(`Connecting to node ${nameOf(session, id)}: OK`);
  return { ...cluster, complaints: missing(session, cluster) + strays(session, cluster) };
}

/** Nodes that the seed takes for alive, and that give no answer. */
function missing({ screen, host, options }: Session, { seed, topology }: TribCluster): number {
  let count = 0;
  for (const { address, port, flags, myself } of seed.view) {
    const absent = topology.absent.get(`${address}:${port}`);
    if (myself || absent === undefined || flags.has("noaddr") || flags.has("fail")) continue;
    if (options.has("verbose")) screen.print(`Connecting to node ${address}:${port}: `);
    screen.xputs(`[ERR] Sorry, can't connect to node ${address}:${port}`);
    host.warn(`redis-trib: ${address}:${port}: ${absent.why}`);
    count += 1;
  }
  return count;
}

function strays(session: Session, { nodes }: TribCluster): number {
  const lost = nodes.filter(({ self }) => self.masterId !== undefined && !nodes.some(({ nodeId }) => nodeId === self.masterId));
  for (const { id, self } of lost) session.screen.xputs(unknownMasterWarning(nameOf(session, id), self.masterId ?? ""));
  return lost.length;
}
