import { LabError } from "../../base/error.ts";
import { SLOT_COUNT } from "../../cluster/model/slots.ts";
import type { LiveNode } from "../../cluster/model/topology.ts";
import { mastersOf } from "../../cluster/model/topology.ts";
import type { ClusterPlan } from "../../cluster/model/types.ts";
import { reshardPlan } from "../../cluster/plan/moves.ts";
import { findMaster } from "../../cluster/plan/references.ts";
import { clusterFindings } from "../check.ts";
import { loadSettled, type TribCluster } from "../load.ts";
import { applyMoves, plannedSlots, tellMoves } from "../moves.ts";
import { nodeText } from "../node-text.ts";
import { moveSettings, type TribSession, wholeNumber } from "../session.ts";

const NOT_A_TARGET = "*** The specified node is not known or not a master, please retry.";
const NOT_A_SOURCE = "*** The specified node is not known or is not a master, please retry.";

/** `reshard host:port`: asks for what the command line leaves open. @returns 1 where it was not done */
export async function run(session: TribSession): Promise<number> {
  const { screen, options } = session;
  moveSettings(session);
  const cluster = await loadSettled(session, session.words[0] ?? "");
  if ((await clusterFindings(session, cluster)) > 0) {
    screen.puts("*** Please fix your cluster problems before resharding");
    return 1;
  }
  const slots = wholeNumber(session, "slots", 1, SLOT_COUNT) ?? (await askSlots(session));
  const target = await chooseTarget(session, cluster);
  const named = await chooseSources(session, cluster, target);
  if (named !== "all" && named.length === 0) {
    screen.puts("*** No source nodes given, operation aborted");
    return 1;
  }
  const sources = named === "all" ? mastersOf(cluster.cluster).filter((node) => node !== target) : named;
  if (sources.includes(target)) screen.die("*** Target node is also listed among the source nodes!");
  const plan = planned(session, cluster, { sources, target, slots });
  const moves = plannedSlots(plan);
  screen.puts(`\nReady to move ${slots} slots.`);
  screen.puts("  Source nodes:");
  for (const source of sources) screen.puts(`    ${nodeText(session, source, cluster)}`);
  screen.puts("  Destination node:");
  screen.puts(`    ${nodeText(session, target, cluster)}`);
  screen.puts("  Resharding plan:");
  for (const { slot, source } of moves) screen.puts(`    Moving slot ${slot} from ${sources.find(({ id }) => id === source)?.nodeId}`);
  if (!options.has("yes") && (await screen.ask("Do you want to proceed with the proposed reshard plan (yes/no)? ")) !== "yes") return 1;
  await applyMoves(session, cluster, plan, tellMoves(session, moves));
  return 0;
}

function planned(
  { screen }: TribSession,
  cluster: TribCluster,
  { sources, target, slots }: { readonly sources: readonly LiveNode[]; readonly target: LiveNode; readonly slots: number },
): ClusterPlan {
  try {
    return reshardPlan({ from: sources.map(({ id }) => id), to: target.id, slots, how: "redis-trib" }, cluster);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    return screen.die(`*** ${error.what}`);
  }
}

async function askSlots({ screen }: TribSession): Promise<number> {
  for (;;) {
    const answer = await screen.ask(`How many slots do you want to move (from 1 to ${SLOT_COUNT})? `);
    if (answer === undefined) return screen.die("*** Aborting...");
    const slots = Number.parseInt(answer, 10);
    if (slots > 0 && slots <= SLOT_COUNT) return slots;
  }
}

async function chooseTarget(session: TribSession, cluster: TribCluster): Promise<LiveNode> {
  const { screen, options } = session;
  const named = options.value("to");
  if (named !== undefined) return masterNamed(session, cluster, named) ?? screen.die(NOT_A_TARGET);
  for (;;) {
    const answer = await screen.ask("What is the receiving node ID? ");
    if (answer === undefined) return screen.die("*** Aborting...");
    const node = masterNamed(session, cluster, answer);
    if (node !== undefined) return node;
    screen.xputs(NOT_A_TARGET);
  }
}

async function chooseSources(session: TribSession, cluster: TribCluster, target: LiveNode): Promise<"all" | readonly LiveNode[]> {
  const { screen, options } = session;
  const named = options.value("from")?.split(",");
  if (named?.includes("all") === true) return "all";
  if (named !== undefined) return unique(named.map((name) => masterNamed(session, cluster, name) ?? screen.die(NOT_A_SOURCE)));
  screen.xputs("Please enter all the source node IDs.");
  screen.xputs("  Type 'all' to use all the nodes as source nodes for the hash slots.");
  screen.xputs("  Type 'done' once you entered all the source nodes IDs.");
  const sources: LiveNode[] = [];
  for (;;) {
    const answer = await screen.ask(`Source node #${sources.length + 1}:`);
    if (answer === "all") return "all";
    if (answer === undefined) return screen.die("*** Aborting...");
    if (answer === "done") return unique(sources);
    const node = masterNamed(session, cluster, answer);
    if (node === undefined) screen.xputs(NOT_A_SOURCE);
    else if (node === target) screen.xputs("*** It is not possible to use the target node as source node.");
    else sources.push(node);
  }
}

function unique(nodes: readonly LiveNode[]): readonly LiveNode[] {
  return [...new Set(nodes)];
}

/** A master by its node id, or by anything else that the engine takes for one. */
function masterNamed({ host }: TribSession, cluster: TribCluster, reference: string): LiveNode | undefined {
  try {
    return findMaster(reference, cluster);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    host.warn(`redis-trib: ${error.what}`);
    return undefined;
  }
}
