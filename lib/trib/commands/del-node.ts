import { isLabError } from "../../base/error.ts";
import { leaveCluster, planLeave } from "../../cluster/apply/leave.ts";
import { observeCluster } from "../../cluster/model/observe.ts";
import { acquaintances, ownSlots } from "../../cluster/model/topology.ts";
import type { ClusterMember } from "../../cluster/model/types.ts";
import { loadCluster, type TribCluster } from "../load.ts";
import { nameOf, type TribSession } from "../session.ts";

/** `del-node host:port node_id`: forgotten by all, emptied, and stopped. @returns 1 where it stays */
export async function run(session: TribSession): Promise<number> {
  const { screen, words, access, host } = session;
  const [where = "", text = ""] = words;
  const id = text.toLowerCase();
  screen.xputs(`>>> Removing node ${id} from cluster ${where}`);
  const cluster = await loadCluster(session, where);
  const victim = memberNamed(cluster, id);
  if (victim === undefined) return screen.die(`[ERR] No such node ID ${id}`);
  const node = cluster.topology.live.get(victim.id);
  if (node !== undefined && ownSlots(node).length > 0) return sayNotEmpty(session, victim);
  const context = {
    declared: cluster.cluster.live.map(({ member }) => member).filter((member) => member.id !== victim.id),
    former: [victim],
    leaving: new Set([victim.id]),
  };
  const plan = planLeave(await observeCluster([...context.declared, victim], access), context);
  for (const refusal of plan.refusals) host.warn(`redis-trib: ${refusal.text}`);
  if (plan.refusals.length > 0) return sayNotEmpty(session, victim);
  screen.xputs(">>> Sending CLUSTER FORGET messages to the cluster...");
  for (const { action } of plan.actions)
    if (action.kind === "replicate")
      screen.xputs(`>>> ${nameOf(session, action.instance)} as replica of ${nameOf(session, action.master)}`);
  await leaveCluster(context, access, { emit: () => {}, signal: host.signal });
  if (node === undefined) {
    host.warn(`redis-trib: ${nameOf(session, victim.id)} gives no answer, so it can't be shut down.`);
    return 0;
  }
  screen.xputs(">>> SHUTDOWN the node.");
  await shutDown(session, victim.id);
  return 0;
}

/** A node by its id: one that answers, or that the others know the address of. */
function memberNamed({ nodes, topology, members }: TribCluster, nodeId: string): ClusterMember | undefined {
  const node = nodes.find((each) => each.nodeId === nodeId);
  if (node !== undefined) return node.member;
  const line = nodes.flatMap(({ view }) => acquaintances(view)).find((each) => each.id === nodeId);
  const there = line === undefined ? undefined : members.find(({ address, port }) => address === line.address && port === line.port);
  return there === undefined || topology.live.has(there.id) ? undefined : there;
}

function sayNotEmpty(session: TribSession, { id }: ClusterMember): never {
  return session.screen.die(`[ERR] Node ${nameOf(session, id)} is not empty! Reshard data away and try again.`);
}

/** It answers by closing the connection. */
async function shutDown({ access }: TribSession, id: string): Promise<void> {
  try {
    await (await access.client(id)).call(["SHUTDOWN"], { timeoutMs: SHUTDOWN_TIMEOUT_MS });
  } catch (error) {
    if (!isLabError(error) || error.code !== "redis.connection-lost") throw error;
  }
}

/** It may save its data first. */
const SHUTDOWN_TIMEOUT_MS = 120_000;
