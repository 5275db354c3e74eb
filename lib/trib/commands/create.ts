import { byCount } from "../../base/text.ts";
import { applyCluster } from "../../cluster/apply/apply.ts";
import { countSlots, withoutSlots } from "../../cluster/model/slots.ts";
import { type LiveNode, naming } from "../../cluster/model/topology.ts";
import type { ClusterAction, ClusterMember, ClusterPlan } from "../../cluster/model/types.ts";
import { type Allocation, allocateNodes } from "../../cluster/plan/allocate.ts";
import { planCluster } from "../../cluster/plan/create-and-join.ts";
import { assertEmpty, clusterFindings } from "../check.ts";
import { dotting } from "../dots.ts";
import { Quit } from "../host.ts";
import { loadCluster, openNodes, type TribCluster } from "../load.ts";
import { warnUnlessAgreed } from "../moves.ts";
import { slotsLine } from "../node-text.ts";
import { nameOf, type TribSession, wholeNumber } from "../session.ts";
import { OPTIMIZING, WITH_MASTER, WITH_SIBLING } from "../words.ts";

/** Fewest masters of a cluster: with two nobody could be elected. */
const LEAST_MASTERS = 3;
/** Longest wait for all to know each other and agree, in milliseconds. */
const JOIN_TIMEOUT_MS = 60_000;
/** From here on a score tells of a replica beside its master. */
const BESIDE_MASTER = 10_000;

/** `create [--replicas n] host1:port1 … hostN:portN`. @returns 1 where the check afterwards finds anything */
export async function run(session: TribSession): Promise<number> {
  const { screen, words, options, host } = session;
  const replicas = wholeNumber(session, "replicas", 0, 1000) ?? 0;
  screen.xputs(">>> Creating cluster");
  const nodes = await emptyNodes(session, words);
  assertEnough(session, nodes.length, replicas);
  screen.xputs(`>>> Performing hash slots allocation on ${nodes.length} nodes...`);
  const allocation = allocateNodes(
    nodes.map(({ id, member }) => ({ id, host: member.address })),
    { replicas, random: host.random },
  );
  sayAllocation(session, nodes, allocation);
  assertOwnSlots(session, nodes, allocation);
  if (!options.has("yes")) await screen.yesOrDie("Can I set the above configuration?");
  await form(session, nodes, allocation);
  const cluster = await loadCluster(session, words[0] ?? "");
  sayState(session, cluster);
  return cluster.complaints + (await clusterFindings(session, cluster)) === 0 ? 0 : 1;
}

/** The nodes in the order of the command line; the first one with which something is wrong ends the command. @throws Quit */
async function emptyNodes(session: TribSession, words: readonly string[]): Promise<readonly LiveNode[]> {
  const { screen } = session;
  const nodes: LiveNode[] = [];
  for await (const node of openNodes(session, words)) {
    const shown = nameOf(session, node.id);
    assertEmpty(session, node);
    if (nodes.some(({ nodeId }) => nodeId === node.nodeId)) screen.die(`[ERR] Node ${shown} is given twice.`);
    nodes.push(node);
  }
  return nodes;
}

function assertEnough({ screen }: TribSession, nodes: number, replicas: number): void {
  if (Math.floor(nodes / (replicas + 1)) >= LEAST_MASTERS) return;
  screen.puts("*** ERROR: Invalid configuration for cluster creation.");
  screen.puts(`*** Redis Cluster requires at least ${LEAST_MASTERS} master nodes.`);
  screen.puts(`*** This is not possible with ${nodes} nodes and ${replicas} replicas per node.`);
  screen.puts(`*** At least ${LEAST_MASTERS * (replicas + 1)} nodes are required.`);
  throw new Quit(1);
}

function sayAllocation(
  session: TribSession,
  nodes: readonly LiveNode[],
  { masters, initial, replicas, initialScore, score }: Allocation,
): void {
  const { screen } = session;
  const name = (id: string) => nameOf(session, id);
  screen.puts(`Using ${masters.length} masters:`);
  for (const { id } of masters) screen.puts(name(id));
  for (const { id, master } of initial) screen.puts(`Adding replica ${name(id)} to ${name(master)}`);
  if (initialScore > 0) {
    screen.xputs(OPTIMIZING);
    if (score === 0) screen.xputs("[OK] Perfect anti-affinity obtained!");
    else screen.puts(score >= BESIDE_MASTER ? WITH_MASTER : WITH_SIBLING);
  }
  for (const node of nodes) {
    const given = masters.find(({ id }) => id === node.id);
    const followed = nodes.find(({ id }) => id === replicas.find((each) => each.id === node.id)?.master);
    screen.xputs(
      given === undefined
        ? `S: ${node.nodeId} ${name(node.id)}\n   replicates ${followed?.nodeId}`
        : `M: ${node.nodeId} ${name(node.id)}\n${slotsLine(node, [given.slots])}`,
    );
  }
}

/** A create that was cut off may have left slots at its masters: these may stay where the same command wants them. @throws Quit */
function assertOwnSlots(session: TribSession, nodes: readonly LiveNode[], { masters }: Allocation): void {
  for (const { id, self } of nodes) {
    const wanted = masters.filter((master) => master.id === id).map(({ slots }) => slots);
    const foreign = countSlots(withoutSlots(self.slots, wanted));
    if (foreign > 0)
      session.screen.die(`[ERR] Node ${nameOf(session, id)} owns ${foreign} slots that it is not to have. Reset it (CLUSTER RESET) first.`);
  }
}

/** The plan of the engine in the phases of redis-trib. */
async function form(session: TribSession, nodes: readonly LiveNode[], allocation: Allocation): Promise<void> {
  const { screen, access, host } = session;
  const members = declared(nodes, allocation);
  const plan = planCluster({ nodes: new Map(nodes.map((node) => [node.id, node])) }, members);
  const apply = (...kinds: readonly ClusterAction["kind"][]) =>
    applyCluster(only(plan, kinds), members, access, { emit: () => {}, signal: host.signal });
  await apply("forget", "add-slots");
  screen.xputs(">>> Nodes configuration updated");
  screen.xputs(">>> Assign a different config epoch to each node");
  await apply("set-config-epoch");
  screen.xputs(">>> Sending CLUSTER MEET messages to join the cluster");
  await apply("meet");
  await dotting(screen, "Waiting for the cluster to join", async () => {
    await apply("replicate");
    // Replicas copy from their masters meanwhile: as in redis-trib that is not waited for.
    await warnUnlessAgreed(session, members, { everybody: true, timeoutMs: JOIN_TIMEOUT_MS });
  });
}

/** A node takes no command on keys for two seconds after its start (clusterUpdateState in cluster.c). */
function sayState({ host }: TribSession, { nodes }: TribCluster): void {
  const waiting = nodes.filter(({ clusterState }) => clusterState !== "ok");
  if (waiting.length > 0)
    host.warn(
      `redis-trib: ${naming(waiting)} ${byCount(waiting.length, "says", "say")} cluster_state:fail as yet; it passes within seconds.`,
    );
}

function only({ actions, findings }: ClusterPlan, kinds: readonly ClusterAction["kind"][]): ClusterPlan {
  return { actions: actions.filter(({ action }) => kinds.includes(action.kind)), findings };
}

/** The nodes with the places that the allocation gives them. */
function declared(nodes: readonly LiveNode[], { masters, replicas }: Allocation): readonly ClusterMember[] {
  return nodes.map(({ member }) => {
    const index = masters.findIndex(({ id }) => id === member.id);
    const master = replicas.find(({ id }) => id === member.id)?.master ?? "";
    return { ...member, role: index < 0 ? { kind: "cluster-replica", master } : { kind: "cluster-master", index } };
  });
}
