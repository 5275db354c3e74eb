import { applyAction } from "../../cluster/apply/apply.ts";
import { type ClusterLeaveContext, leaveCluster, planLeave } from "../../cluster/apply/leave.ts";
import { knowers, tracesOf } from "../../cluster/gossip/forget.ts";
import { discoveredMember } from "../../cluster/model/discover.ts";
import { notEmptyNode, stays, stillKnown, unknownNode } from "../../cluster/model/errors.ts";
import { acquaintances, ownSlots } from "../../cluster/model/topology.ts";
import type { ClusterMember, ClusterPlan } from "../../cluster/model/types.ts";
import { type ClusterView, observeClusterView } from "../../cluster/model/view.ts";
import { addNodePlan, takeAnyPlacePlan, takePlacePlan } from "../../cluster/plan/membership.ts";
import { agreement } from "../../cluster/plan/moves.ts";
import { type ChangeOptions, type ChangeReport, changeCluster } from "./change.ts";
import { type ClusterOptions, type ClusterSession, withClusterLocked } from "./session.ts";

type Options = Omit<ChangeOptions, "verb" | "others">;

/** Adds a declared standby instance, or any node by its address. @param replicaOf a node, or `any` for the master with the fewest replicas */
export function addNode(options: Options & { readonly node: string; readonly replicaOf?: string | undefined }): Promise<ChangeReport> {
  const { member, others } = newcomer(options, options.node);
  const replicaOf = options.replicaOf === undefined ? {} : { replicaOf: options.replicaOf };
  return changeCluster({ ...options, verb: "add-node", others }, (view) => addNodePlan({ instance: member, ...replicaOf }, view));
}

/**
 * Makes a node leave for good: forgotten by all, its replicas behind others, itself empty. Refused while it owns slots. Done when nobody knows it any more and nobody is about to.
 *
 * @throws LabError `cluster.not-forgotten`, `cluster.stays`, `cluster.unknown-node`, and those of `changeCluster`
 */
export async function removeNode(options: Options & { readonly node: string }): Promise<ChangeReport> {
  return changeCluster(
    { ...options, verb: "del-node" },
    (view) => removalPlan(options.node, view),
    (plan, view, cluster) => assertForgotten(plan, view, cluster),
  );
}

/** What `replace-node` did. */
export interface ReplaceReport {
  readonly joined: ChangeReport;
  /** Left out after a dry run. */
  readonly left: ChangeReport | undefined;
}

/** Puts a fresh node into the place of another one, and makes that one leave. */
export async function replaceNode(options: Options & { readonly node: string; readonly by: string }): Promise<ReplaceReport> {
  const { member, others } = newcomer(options, options.by);
  const joined = await changeCluster({ ...options, verb: "replace-node", others }, (view) =>
    isLive(options.node, view) ? takePlacePlan(options.node, member, view) : takeAnyPlacePlan(member, view),
  );
  return { joined, left: joined.applied ? await removeNode(options) : undefined };
}

/** What `reset` did. */
export interface ResetReport {
  readonly instance: string;
  /** How many it had, and has no more. */
  readonly keys: number;
}

/** Empties a node that nobody knows any more. @throws LabError `cluster.still-known`, `cluster.not-empty` */
export async function resetNode(options: ClusterOptions & { readonly node: string; readonly flush: boolean }): Promise<ResetReport> {
  return withClusterLocked(options, "reset", async ({ session, known }) => {
    const { access, signal, emit } = session;
    const { member, others } = newcomer(options, options.node);
    const { topology, members } = await observeClusterView([...known, ...others], access);
    signal?.throwIfAborted();
    const node = topology.live.get(member);
    if (node === undefined) throw unknownNode(options.node, [...topology.live.values()]);
    const knowing = knowers(tracesOf(topology.observation, { id: node.id, nodeIds: new Set([node.nodeId]), at: node.member }));
    const by = knowing.filter((id) => id !== node.id);
    if (by.length > 0) throw stillKnown(node.id, by);
    if (node.keys > 0 && !options.flush) throw notEmptyNode(node.id, `it holds ${node.keys} keys (--flush deletes them)`);
    if (node.keys > 0) await (await access.client(node.id)).call(["FLUSHALL"], { timeoutMs: 60_000 });
    await applyAction({ kind: "reset", instance: node.id }, { members, access, options: { emit, signal } });
    emit({
      type: "step",
      host: node.member.host,
      step: "layout",
      state: "changed",
      detail: `make ${node.id} an empty node that knows no other node`,
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

function isLive(reference: string, { cluster }: ClusterView): boolean {
  return cluster.live.some(
    ({ id, nodeId, member }) =>
      [id, nodeId, member.host, `${member.address}:${member.port}`].includes(reference) ||
      (reference.length >= 4 && nodeId.startsWith(reference)),
  );
}

/** The instance that is to leave: one that answers, one that others know by address or node id, or an identity that is gone and that some still know, by its node id alone. */
function victimOf(reference: string, { members, topology, cluster }: ClusterView): ClusterMember {
  const byName = members.filter(
    ({ id, host, address, port }) => id === reference || `${address}:${port}` === reference || host === reference,
  );
  const lines = cluster.live
    .flatMap(({ view }) => acquaintances(view))
    .filter(({ id }) => id === reference || (reference.length >= 4 && id.startsWith(reference)));
  const gone = new Set(lines.filter((line) => topology.identify(line).kind === "ghost").map(({ id }) => id));
  const byNodeId = [
    ...members.filter(({ address, port }) => lines.some((line) => line.address === address && line.port === port && !gone.has(line.id))),
    ...[...gone].map((id): ClusterMember => ({ id, host: id, address: "", port: 0, role: { kind: "discovered" } })),
  ];
  const [victim, another] = byName.length > 0 ? byName : byNodeId;
  if (victim === undefined || another !== undefined) throw unknownNode(reference, [...topology.live.values()]);
  return victim;
}

function leaveOf(victim: ClusterMember, { members, topology }: ClusterView): ClusterLeaveContext {
  return {
    declared: members.filter(({ id }) => id !== victim.id && topology.live.has(id)),
    former: [victim],
    leaving: new Set([victim.id]),
    ...(victim.address === "" && { nodeIds: new Map([[victim.id, new Set([victim.id])]]) }),
  };
}

function removalPlan(reference: string, view: ClusterView): ClusterPlan {
  const victim = victimOf(reference, view);
  const { actions, refusals } = planLeave(view.topology.observation, leaveOf(victim, view));
  if (refusals.length > 0) throw stays(refusals);
  if (actions.length === 0) return { actions: [], findings: [] };
  const rest = view.cluster.live
    .filter((node) => node.id !== victim.id && (ownSlots(node).length > 0 || node.self.role === "replica"))
    .map(({ id }) => id);
  return { findings: [], actions: [...actions.map((step) => ({ ...step, reason: "del-node" as const })), agreement(rest, "del-node")] };
}

/** Looks until nobody knows the node that left, whatever happened between the commands of the plan, and says who could not be asked. */
async function assertForgotten(plan: ClusterPlan, view: ClusterView, { session }: ClusterSession): Promise<void> {
  const { access, emit, signal, lab } = session;
  const forgets = plan.actions.flatMap(({ action }) => (action.kind === "forget-node" ? [action] : []));
  const [leaving] = plan.actions.flatMap(({ action }) =>
    action.kind === "forget-node" ? [action.leaving] : action.kind === "reset" ? [action.instance] : [],
  );
  if (leaving === undefined) return;
  const nodeIds = new Set(forgets.map(({ nodeId }) => nodeId));
  const victim = view.members.find(({ id }) => id === leaving) ?? victimOf(leaving, view);
  await leaveCluster({ ...leaveOf(victim, view), nodeIds: new Map([[leaving, nodeIds]]) }, access, { emit, signal });
  const silent = view.members.filter(({ id }) => id !== leaving && view.topology.absent.has(id) && isKnown(id, view));
  for (const { id } of silent)
    emit({
      type: "notice",
      level: "warning",
      text: `${id} does not answer and still knows ${leaving}: run ${[...nodeIds].map((nodeId) => `\`redis-lab cluster del-node ${lab.name} ${nodeId}\``).join(" and ")} when it is back.`,
    });
}

function isKnown(id: string, { topology, cluster }: ClusterView): boolean {
  return cluster.live.some(({ view }) => acquaintances(view).some((line) => topology.instanceOf(line.id) === id));
}
