import { isLabError } from "../../base/error.ts";
import type { Emit } from "../../base/events.ts";
import { plural } from "../../base/text.ts";
import { type Attempt, waitFor } from "../../base/wait.ts";
import type { InstanceAccess, SlotRange } from "../../redis/types.ts";
import { replicationTarget } from "../findings/replication.ts";
import { type Departed, FORGETTING_MS, knowers, tracesOf } from "../gossip/forget.ts";
import { describeAction } from "../model/actions/index.ts";
import { notForgotten, stays } from "../model/errors.ts";
import { observeCluster } from "../model/observe.ts";
import { countSlots, eachSlot, formatRanges, rangesWhere } from "../model/slots.ts";
import { acquaintances, clusterOf, type LiveNode, ownSlots, readTopology, type Topology } from "../model/topology.ts";
import type { ClusterAction, ClusterMember, ClusterObservation, ClusterPlan, NodeObservation } from "../model/types.ts";
import { planDrain } from "../plan/apportion.ts";
import { plannedAction } from "../plan/planned-action.ts";
import { applyAction } from "./apply.ts";

/** Who is looked at when instances leave. */
export interface ClusterLeaveContext {
  /** Instances that the lab declares. */
  readonly declared: readonly ClusterMember[];
  /** Instances that belonged to the lab before, those that leave now among them. Their role is of no matter. */
  readonly former: readonly ClusterMember[];
  /** Ids of the former instances that leave now. */
  readonly leaving: ReadonlySet<string>;
  /** Further node ids under which those that leave were known, by instance id: a node that was reset is not found by its address any more. @default none */
  readonly nodeIds?: ReadonlyMap<string, ReadonlySet<string>> | undefined;
}

/** One command of a leave. Every one can be given again. A replica of a node that leaves cannot forget it: it follows another master first. */
export type ClusterLeaveAction = Extract<ClusterAction, { kind: "replicate" | "forget-node" | "reset" }>;

export interface ClusterLeavePlan {
  readonly actions: readonly { readonly action: ClusterLeaveAction; readonly summary: string }[];
  /** What forbids it; then there are no actions. */
  readonly refusals: readonly ClusterLeaveRefusal[];
  /** Declared instances that can't be contacted to forget it: they go on knowing the node. */
  readonly stillKnownBy: readonly string[];
}

export interface ClusterLeaveRefusal {
  readonly text: string;
  readonly next: string;
}

/** An instance that leaves, with what is known of it. */
interface Leaver {
  readonly member: ClusterMember;
  readonly node: Extract<NodeObservation, { reachable: true }> | undefined;
  /** Every node id under which anybody knows its address, its own one included. */
  readonly ids: ReadonlySet<string>;
  readonly slots: readonly SlotRange[];
}

/**
 * How instances leave a cluster so that nobody knows them any more and nothing is lost: who owns slots stays, a replica and an empty master are forgotten by all others
 * and then reset. One that is dead is forgotten. Pure; no actions when all has been done.
 */
export function planLeave(observation: ClusterObservation, context: ClusterLeaveContext): ClusterLeavePlan {
  const members = [...context.declared, ...context.former];
  const topology = readTopology(observation, members);
  const leavers = readLeavers(observation, topology, context);
  const gone = new Set(leavers.flatMap(({ ids }) => [...ids]));
  const staying = [...topology.live.values()].filter(({ id, nodeId }) => !context.leaving.has(id) && !gone.has(nodeId));
  const stillKnownBy = context.declared.filter(({ id }) => observation.nodes.get(id)?.reachable !== true).map(({ id }) => id);
  const followers = staying.filter(({ self }) => self.masterId !== undefined && gone.has(self.masterId));
  const moves = rehomed(topology, followers, context.leaving, gone);
  const own = leavers.flatMap((leaver) => refusalsOf(leaver, staying, context));
  // Where a node stays, its replicas do.
  const refusals = own.length > 0 ? own : moves.filter(({ target }) => target === undefined).map(({ node }) => strandedFollower(node));
  if (refusals.length > 0) return { actions: [], refusals, stillKnownBy };
  return {
    refusals,
    stillKnownBy,
    actions: [
      ...moves.flatMap(({ node: { id }, target }) =>
        target === undefined ? [] : [leaveAction({ kind: "replicate", instance: id, master: target })],
      ),
      ...leavers.flatMap(({ member, ids }) => [...ids].flatMap((nodeId) => forget(member.id, nodeId, staying))),
      ...leavers.flatMap(({ member, node }) =>
        node === undefined || acquaintances(node.view).length <= 1 ? [] : [leaveAction({ kind: "reset", instance: member.id })],
      ),
    ],
  };
}

/**
 * How slots leave masters that go, before these do: to a replica of the shard that is declared a master, by a failover; all others to the masters that stay, as evenly as they can. No
 * actions where a master does not answer or nobody stays who could take them. Pure.
 */
export function planHandOver(topology: Topology, { declared, leaving }: ClusterLeaveContext): ClusterPlan["actions"] {
  const stays = new Set(declared.filter(({ id }) => !leaving.has(id)).map(({ id }) => id));
  const { live } = clusterOf(topology);
  const going = live.filter((node) => ownSlots(node).length > 0 && leaving.has(node.id));
  if (going.length === 0) return [];
  const heirOf = ({ nodeId }: LiveNode) =>
    live.find(
      ({ id, self, member, masterLink }) =>
        self.masterId === nodeId && stays.has(id) && member.role.kind === "cluster-master" && masterLink === "up",
    );
  const heirs = new Map(
    going.flatMap((node) => {
      const heir = heirOf(node);
      return heir === undefined ? [] : [[node, heir] as const];
    }),
  );
  const holding = (node: LiveNode) => ({ id: node.id, slots: [...eachSlot(ownSlots(node))] });
  // A declared master that has just joined and owns nothing takes its part as well.
  const takers = live.filter(
    (node) =>
      stays.has(node.id) && node.self.role === "master" && (ownSlots(node).length > 0 || node.member.role.kind === "cluster-master"),
  );
  const moves = planDrain(going.filter((node) => !heirs.has(node)).map(holding), takers.map(holding));
  const steps = [
    ...[...heirs].map(([from, to]) => plannedAction({ kind: "fail-over", master: from.id, to: to.id }, "drain")),
    ...moves.map((move) => plannedAction({ kind: "move-slots", ...move }, "drain")),
  ];
  if (steps.length === 0) return [];
  const instances = live.map(({ id }) => id);
  return [...steps, plannedAction({ kind: "await-formed", instances }, "drain")];
}

/** Slots that instances own by their own word or by that of anybody who knows them: `redis-18:6379` → `0-5460`. Those without are left out. */
export function slotsOwned(observation: ClusterObservation, context: ClusterLeaveContext): ReadonlyMap<string, readonly SlotRange[]> {
  const topology = readTopology(observation, [...context.declared, ...context.former]);
  const owned = readLeavers(observation, topology, context).filter(({ slots }) => slots.length > 0);
  return new Map(owned.map(({ member, slots }) => [member.id, slots]));
}

function readLeavers(
  observation: ClusterObservation,
  topology: Topology,
  { declared, former, leaving, nodeIds }: ClusterLeaveContext,
): readonly Leaver[] {
  return [...declared, ...former]
    .filter(({ id }) => leaving.has(id))
    .map((member) => {
      const seen = observation.nodes.get(member.id);
      const node = seen?.reachable === true && seen.clusterEnabled ? seen : undefined;
      const views = [...topology.live.values()].flatMap(({ view }) => acquaintances(view));
      const there = views.filter(({ address, port }) => address !== "" && address === member.address && port === member.port);
      const ids = new Set([
        ...there.map(({ id }) => id),
        ...(node === undefined || node.nodeId === "" ? [] : [node.nodeId]),
        ...(nodeIds?.get(member.id) ?? []),
      ]);
      const slots = new Set(views.filter(({ id }) => ids.has(id)).flatMap(({ slots: ranges }) => [...eachSlot(ranges)]));
      return { member, node, ids, slots: rangesWhere((slot) => slots.has(slot)) };
    });
}

function forget(leaving: string, nodeId: string, staying: readonly LiveNode[]): ClusterLeavePlan["actions"] {
  const by = staying.filter(({ view }) => acquaintances(view).some(({ id }) => id === nodeId)).map(({ id }) => id);
  if (by.length === 0) return [];
  return [leaveAction({ kind: "forget-node", leaving, nodeId, by })];
}

function leaveAction(action: ClusterLeaveAction): ClusterLeavePlan["actions"][number] {
  return { action, summary: describeAction(action) };
}

function refusalsOf(
  { member: { id }, node, ids, slots }: Leaver,
  staying: readonly LiveNode[],
  context: ClusterLeaveContext,
): ClusterLeaveRefusal[] {
  if (slots.length > 0) {
    const successor = staying.find(({ member, self }) => context.declared.includes(member) && ids.has(self.masterId ?? ""));
    return [
      {
        text: `${id} owns ${countSlots(slots)} slots (${formatRanges(slots)}): move them first (reshard); the host stays.`,
        next: `${successor === undefined ? "Move the slots to other masters" : `Hand them to its replica (redis-lab cli LAB ${successor.id} cluster failover), or move them to other masters`}, then run the same command again.`,
      },
    ];
  }
  if (node?.loading === true) return [{ text: `${id} is still loading its data; the host stays.`, next: "Run the same command again." }];
  if (node?.role === "master" && node.keys > 0) {
    return [
      {
        text: `${id} is a master without slots that holds ${plural(node.keys, "key")}, of which no other node has a copy; the host stays.`,
        next: `Save what is needed and empty it (FLUSHALL on ${id}), then run the same command again.`,
      },
    ];
  }
  const alone = node !== undefined && acquaintances(node.view).length === 1;
  const inside = staying.filter((each) => context.declared.includes(each.member) && acquaintances(each.view).length > 1);
  if (alone || inside.length > 0) return [];
  return [
    {
      text: `No instance that stays in the cluster answers, so it is not known whether ${id} owns slots; the host stays.`,
      next: "Bring the other hosts up and run the same command again. To give up the whole lab, declare the host again and destroy it all.",
    },
  ];
}

function strandedFollower({ id, self }: LiveNode): ClusterLeaveRefusal {
  return {
    text: `${id} replicates the node ${self.masterId ?? ""}, which leaves, and the lab does not say whom else it is to follow; the host stays.`,
    next: `Send ${id} to another master (CLUSTER REPLICATE), then run the same command again.`,
  };
}

/** Whom replicas follow instead: whom the lab declares, else the master with the fewest replicas that is not on their host. Never one that leaves. */
function rehomed(
  topology: Topology,
  followers: readonly LiveNode[],
  leaving: ReadonlySet<string>,
  gone: ReadonlySet<string>,
): readonly { readonly node: LiveNode; readonly target: string | undefined }[] {
  const counts = new Map<string, number>();
  for (const { self } of topology.live.values())
    if (self.masterId !== undefined) counts.set(self.masterId, (counts.get(self.masterId) ?? 0) + 1);
  return followers.map((node) => {
    const cluster = topology.components.find(({ live }) => live.includes(node));
    const fits = (master: LiveNode) => !leaving.has(master.id) && !gone.has(master.nodeId) && ownSlots(master).length > 0;
    const declared = cluster === undefined ? undefined : topology.live.get(replicationTarget(topology, cluster, node.id) ?? "");
    const free = (cluster?.live ?? [])
      .filter((master) => master !== node && fits(master))
      .sort(
        (a, b) =>
          Number(a.member.host === node.member.host) - Number(b.member.host === node.member.host) ||
          (counts.get(a.nodeId) ?? 0) - (counts.get(b.nodeId) ?? 0),
      );
    const target = declared !== undefined && declared !== node && fits(declared) ? declared : free[0];
    if (target !== undefined) counts.set(target.nodeId, (counts.get(target.nodeId) ?? 0) + 1);
    return { node, target: target?.id };
  });
}

export interface ClusterLeaveOptions {
  readonly emit: Emit;
  /** Longest time until all have forgotten, in milliseconds. @default 60000 */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was done, in sentences, and which instances could not be contacted. */
export interface ClusterLeaveOutcome {
  readonly done: readonly string[];
  readonly stillKnownBy: readonly string[];
}

/**
 * Makes instances leave: plans, does it, and looks again until nobody knows them any more. Running it again continues.
 *
 * @throws LabError `cluster.stays` before anything is touched, `cluster.command-refused`, `cluster.not-forgotten`
 */
export async function leaveCluster(
  context: ClusterLeaveContext,
  access: InstanceAccess,
  options: ClusterLeaveOptions,
): Promise<ClusterLeaveOutcome> {
  const members = [...context.declared, ...context.former];
  const done: string[] = [];
  const nodeIds = new Map([...context.leaving].map((id) => [id, new Set(context.nodeIds?.get(id))]));
  // The first look may find that all has been done before; what is done now is looked at twice (see forget.ts).
  let clean = context.nodeIds === undefined ? 1 : 0;
  let last: readonly { readonly departed: Departed; readonly by: readonly string[] }[] = [];
  const look = async (): Promise<Attempt<ClusterLeaveOutcome>> => {
    const observation = await observeCluster(members, access);
    const plan = planLeave(observation, { ...context, nodeIds });
    if (plan.refusals.length > 0) throw stays(plan.refusals);
    for (const { action } of plan.actions) if (action.kind === "forget-node") nodeIds.get(action.leaving)?.add(action.nodeId);
    for (const [id, ids] of nodeIds) {
      const node = observation.nodes.get(id);
      if (node?.reachable === true && node.nodeId !== "") ids.add(node.nodeId);
    }
    const all = [...nodeIds].map(([id, ids]) => ({ id, nodeIds: ids, at: placeOf(members, id) }));
    last = all.map((departed) => ({ departed, by: knowers(tracesOf(observation, departed)) })).filter(({ by }) => by.length > 0);
    clean = plan.actions.length + last.length === 0 ? clean + 1 : 0;
    if (clean >= 2) return { done: true, value: { done, stillKnownBy: plan.stillKnownBy } };
    for (const { action, summary } of plan.actions) {
      options.signal?.throwIfAborted();
      options.emit({ type: "step", host: undefined, step: STEP, state: "started", detail: summary });
      await applyAction(action, { members, access, options });
      options.emit({ type: "step", host: undefined, step: STEP, state: "changed", detail: summary });
      if (!done.includes(summary)) done.push(summary);
    }
    return { done: false, missing: plan.actions.map(({ summary }) => summary).join("; ") || "a second look at who knows them" };
  };
  const timeoutMs = options.timeoutMs ?? FORGETTING_MS;
  try {
    return await waitFor(look, {
      what: "all to forget the nodes that leave",
      timeoutMs,
      signal: options.signal,
    });
  } catch (error) {
    const [first] = last;
    if (!(isLabError(error) && error.code === "wait.timeout") || first === undefined) throw error;
    throw notForgotten(first.departed, first.by, Math.round(timeoutMs / 1000));
  }
}

/** An identity that is gone stands nowhere. */
export function placeOf(members: readonly ClusterMember[], id: string): Departed["at"] {
  return members.find((member) => member.id === id && member.address !== "");
}

const STEP = "leave";
