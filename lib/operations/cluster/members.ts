import { discover, discoveredMember } from "../../cluster/discover.ts";
import { notEmptyNode, stays, stillKnown, unknownNode } from "../../cluster/errors.ts";
import { leaveCluster, planLeave } from "../../cluster/leave.ts";
import { type ClusterLook, lookAtCluster } from "../../cluster/look.ts";
import { addNodePlan, takePlacePlan } from "../../cluster/membership.ts";
import { agreement } from "../../cluster/plan-moves.ts";
import { acquaintances, ownSlots } from "../../cluster/topology.ts";
import type { ClusterMember, ClusterPlan } from "../../cluster/types.ts";
import { clusterMembers } from "../members.ts";
import { withSession } from "../session.ts";
import { type ChangeOptions, type ChangeReport, changeCluster } from "./change.ts";
import { type ClusterOptions, withClusterLocked } from "./session.ts";

type Options = Omit<ChangeOptions, "verb" | "others">;

/** Adds a declared standby instance, or any node by its address. @param replicaOf a node, or `any` for the master with the fewest replicas */
export function addNode(options: Options & { readonly node: string; readonly replicaOf?: string | undefined }): Promise<ChangeReport> {
  const { member, others } = newcomer(options, options.node);
  const replicaOf = options.replicaOf === undefined ? {} : { replicaOf: options.replicaOf };
  return changeCluster({ ...options, verb: "add-node", others }, (look) => addNodePlan({ instance: member, ...replicaOf }, look));
}

/** Makes a node leave for good: forgotten by all, its replicas behind others, itself empty. Refused while it owns slots. */
export async function removeNode(options: Options & { readonly node: string }): Promise<ChangeReport> {
  const report = await changeCluster({ ...options, verb: "del-node" }, (look) => removalPlan(options.node, look));
  if (report.applied) await settleRemoval(options, report);
  return report;
}

/** Puts a fresh node into the place of another one, and makes that one leave. */
export async function replaceNode(
  options: Options & { readonly node: string; readonly by: string },
): Promise<{ readonly joined: ChangeReport; readonly left: ChangeReport | undefined }> {
  const { member, others } = newcomer(options, options.by);
  const joined = await changeCluster({ ...options, verb: "replace-node", others }, (look) =>
    isLive(options.node, look) ? takePlacePlan(options.node, member, look) : addNodePlan({ instance: member, replicaOf: "any" }, look),
  );
  return { joined, left: joined.applied ? await removeNode(options) : undefined };
}

/** Empties a node that nobody knows any more. @throws LabError `cluster.still-known`, `cluster.not-empty` */
export async function resetNode(
  options: ClusterOptions & { readonly node: string; readonly flush: boolean },
): Promise<{ readonly instance: string; readonly keys: number }> {
  return withClusterLocked(options, "reset", async ({ session, known }) => {
    const { member, others } = newcomer(options, options.node);
    const look = await lookAtCluster([...known, ...others], session.access);
    const node = look.topology.live.get(member);
    if (node === undefined) throw unknownNode(options.node, [...look.topology.live.values()]);
    const knowing = [...look.topology.live.values()].filter(
      (each) => each !== node && acquaintances(each.view).some(({ id }) => id === node.nodeId),
    );
    if (knowing.length > 0)
      throw stillKnown(
        node.id,
        knowing.map(({ id }) => id),
      );
    if (node.keys > 0 && !options.flush) throw notEmptyNode(node.id, `it holds ${node.keys} keys (--flush deletes them)`);
    const client = await session.access.client(node.id);
    if (node.keys > 0) await client.call(["FLUSHALL"], { timeoutMs: 60_000 });
    await client.call(["CLUSTER", "RESET", "HARD"], { timeoutMs: 60_000 });
    session.emit({
      type: "step",
      host: node.member.host,
      step: "layout",
      state: "changed",
      detail: `make ${node.id} an empty node that knows nobody`,
    });
    return { instance: node.id, keys: node.keys };
  });
}

/** An instance of the lab by its name, or any other node by its address. */
function newcomer(
  { lab }: Pick<ClusterOptions, "lab">,
  reference: string,
): { readonly member: string; readonly others: readonly ClusterMember[] } {
  const found = /^(?<address>[\d.]+|[0-9a-f:]+):(?<port>\d+)$/.exec(reference)?.groups;
  if (found?.["address"] !== undefined) {
    const member = discoveredMember(found["address"], Number(found["port"]));
    return { member: member.id, others: [member] };
  }
  const host = lab.hosts.find(({ name }) => name === reference);
  const port = host?.instances.map((each) => (typeof each === "number" ? each : each.port));
  return { member: port?.length === 1 ? `${reference}:${port[0]}` : reference, others: [] };
}

function isLive(reference: string, { cluster }: ClusterLook): boolean {
  return cluster.live.some(
    ({ id, nodeId, member }) =>
      [id, nodeId, member.host, `${member.address}:${member.port}`].includes(reference) ||
      (reference.length >= 4 && nodeId.startsWith(reference)),
  );
}

/** The instance that is to leave: one that answers, or one that others know by address or node id. */
function victimOf(reference: string, { members, topology, cluster }: ClusterLook): ClusterMember {
  const byName = members.filter(
    ({ id, host, address, port }) => id === reference || `${address}:${port}` === reference || host === reference,
  );
  const lines = cluster.live
    .flatMap(({ view }) => acquaintances(view))
    .filter(({ id }) => id === reference || (reference.length >= 4 && id.startsWith(reference)));
  const byNodeId = members.filter(({ address, port }) => lines.some((line) => line.address === address && line.port === port));
  const [victim, another] = byName.length > 0 ? byName : byNodeId;
  if (victim === undefined || another !== undefined) throw unknownNode(reference, [...topology.live.values()]);
  return victim;
}

function removalPlan(reference: string, look: ClusterLook): ClusterPlan {
  const victim = victimOf(reference, look);
  const staying = look.members.filter(({ id }) => id !== victim.id);
  const party = { declared: staying.filter(({ id }) => look.topology.live.has(id)), former: [victim], leaving: new Set([victim.id]) };
  const { actions, refusals } = planLeave(look.topology.observation, party);
  if (refusals.length > 0) throw stays(refusals);
  if (actions.length === 0) return { actions: [], findings: [] };
  const rest = look.cluster.live
    .filter((node) => node.id !== victim.id && (ownSlots(node).length > 0 || node.self.role === "replica"))
    .map(({ id }) => id);
  return { findings: [], actions: [...actions.map((step) => ({ ...step, reason: "del-node" as const })), agreement(rest, "del-node")] };
}

/** Who forgot a node may hear of it again from somebody who had not forgotten it yet: looks until nobody knows it any more. */
async function settleRemoval(options: Options & { readonly node: string }, report: ChangeReport): Promise<void> {
  const leaving = report.plan.actions.flatMap(({ action }) =>
    action.kind === "forget-node" ? [action.leaving] : action.kind === "reset" ? [action.instance] : [],
  )[0];
  if (leaving === undefined) return;
  await withSession(options, async (session) => {
    const { members } = await discover(clusterMembers(session.placement), session.access);
    const victim = members.find(({ id }) => id === leaving);
    if (victim === undefined) return;
    const party = { declared: members.filter(({ id }) => id !== leaving), former: [victim], leaving: new Set([leaving]) };
    await leaveCluster(party, session.access, { emit: session.emit, signal: session.signal });
  });
}
