import { isLabError } from "../error.ts";
import type { Emit } from "../events.ts";
import type { InstanceAccess, SlotRange } from "../redis/types.ts";
import { type Look, waitFor } from "../wait.ts";
import { applyMemberAction } from "./apply-members.ts";
import { planDrain } from "./apportion.ts";
import { describeSlotAction } from "./describe.ts";
import { notForgotten, stays } from "./errors.ts";
import { observeCluster } from "./observe.ts";
import { replicationTarget } from "./places.ts";
import { countSlots, eachSlot, formatRanges, rangesWhere } from "./slots.ts";
import { acquaintances, type LiveNode, ownSlots, readTopology, type Topology } from "./topology.ts";
import type { ClusterAction, ClusterMember, ClusterObservation, ClusterPlan, NodeObservation } from "./types.ts";

/** Who is looked at when instances leave. */
export interface LeavingParty {
  /** Instances that the lab declares. */
  readonly declared: readonly ClusterMember[];
  /** Instances that belonged to the lab before, those that leave now among them. Their role is of no matter. */
  readonly former: readonly ClusterMember[];
  /** Ids of the former instances that leave now. */
  readonly leaving: ReadonlySet<string>;
}

/** One command of a leave. Every one can be given again. A replica of a node that leaves cannot forget it: it follows another master first. */
export type LeaveAction = Extract<ClusterAction, { kind: "replicate" | "forget-node" | "reset" }>;

export interface LeavePlan {
  readonly actions: readonly { readonly action: LeaveAction; readonly summary: string }[];
  /** What forbids it; then there are no actions. */
  readonly refusals: readonly LeaveRefusal[];
  /** Declared instances that can't be told to forget: they go on knowing the node. */
  readonly untold: readonly string[];
}

export interface LeaveRefusal {
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
export function planLeave(observation: ClusterObservation, party: LeavingParty): LeavePlan {
  const members = [...party.declared, ...party.former];
  const topology = readTopology(observation, members);
  const leavers = readLeavers(observation, topology, party);
  const gone = new Set(leavers.flatMap(({ ids }) => [...ids]));
  const staying = [...topology.live.values()].filter(({ id, nodeId }) => !party.leaving.has(id) && !gone.has(nodeId));
  const untold = party.declared.filter(({ id }) => observation.nodes.get(id)?.reachable !== true).map(({ id }) => id);
  const followers = staying.filter(({ self }) => self.masterId !== undefined && gone.has(self.masterId));
  const moves = rehomed(topology, followers, party.leaving, gone);
  const own = leavers.flatMap((leaver) => refusalsOf(leaver, staying, party));
  // Where a node stays, its replicas do.
  const refusals = own.length > 0 ? own : moves.filter(({ target }) => target === undefined).map(({ node }) => strandedFollower(node));
  if (refusals.length > 0) return { actions: [], refusals, untold };
  return {
    refusals,
    untold,
    actions: [
      ...moves.flatMap(({ node: { id }, target }) =>
        target === undefined
          ? []
          : [{ action: { kind: "replicate" as const, instance: id, master: target }, summary: `make ${id} a replica of ${target}` }],
      ),
      ...leavers.flatMap(({ member, ids }) => [...ids].flatMap((nodeId) => forget(member.id, nodeId, staying))),
      ...leavers.flatMap(({ member, node }) =>
        node === undefined || acquaintances(node.view).length <= 1
          ? []
          : [{ action: { kind: "reset" as const, instance: member.id }, summary: `make ${member.id} an empty node that knows nobody` }],
      ),
    ],
  };
}

/**
 * How slots leave masters that go, before these do: to a replica of the shard that is declared a master, by a failover; all others to the masters that stay, as evenly as they can. No
 * actions where a master does not answer or nobody stays who could take them. Pure.
 */
export function planHandOver(topology: Topology, { declared, leaving }: LeavingParty): ClusterPlan["actions"] {
  const stays = new Set(declared.filter(({ id }) => !leaving.has(id)).map(({ id }) => id));
  const owners = [...topology.live.values()].filter((node) => ownSlots(node).length > 0);
  const going = owners.filter(({ id }) => leaving.has(id));
  if (going.length === 0) return [];
  const heirOf = ({ nodeId }: LiveNode) =>
    [...topology.live.values()].find(
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
  const takers = [...topology.live.values()].filter(
    (node) =>
      stays.has(node.id) &&
      node.self.role === "master" &&
      (ownSlots(node).length > 0 || (node.member.role.kind === "cluster-master" && acquaintances(node.view).length > 1)),
  );
  const moves = planDrain(going.filter((node) => !heirs.has(node)).map(holding), takers.map(holding));
  const steps: ClusterPlan["actions"][number][] = [
    ...[...heirs].map(([from, to]): ClusterPlan["actions"][number] => ({
      action: { kind: "fail-over", master: from.id, to: to.id },
      reason: "drain",
      summary: `hand the shard of ${from.id} to ${to.id}`,
    })),
    ...moves.map((move): ClusterPlan["actions"][number] => {
      const action = { kind: "move-slots", ...move } as const;
      return { action, reason: "drain", summary: describeSlotAction(action) };
    }),
  ];
  if (steps.length === 0) return [];
  const instances = [...topology.live.values()].filter((node) => acquaintances(node.view).length > 1).map(({ id }) => id);
  return [
    ...steps,
    { action: { kind: "await-formed", instances }, reason: "drain", summary: `wait until ${instances.length} nodes agree` },
  ];
}

/** Slots that instances own by their own word or by that of anybody who knows them: `redis-18:6379` → `0-5460`. Those without are left out. */
export function slotsOwned(observation: ClusterObservation, party: LeavingParty): ReadonlyMap<string, readonly SlotRange[]> {
  const topology = readTopology(observation, [...party.declared, ...party.former]);
  const owned = readLeavers(observation, topology, party).filter(({ slots }) => slots.length > 0);
  return new Map(owned.map(({ member, slots }) => [member.id, slots]));
}

function readLeavers(observation: ClusterObservation, topology: Topology, { declared, former, leaving }: LeavingParty): readonly Leaver[] {
  return [...declared, ...former]
    .filter(({ id }) => leaving.has(id))
    .map((member) => {
      const seen = observation.nodes.get(member.id);
      const node = seen?.reachable === true && seen.clusterEnabled ? seen : undefined;
      const views = [...topology.live.values()].flatMap(({ view }) => acquaintances(view));
      const there = views.filter(({ address, port }) => address === member.address && port === member.port);
      const ids = new Set([...there.map(({ id }) => id), ...(node === undefined || node.nodeId === "" ? [] : [node.nodeId])]);
      const slots = new Set(views.filter(({ id }) => ids.has(id)).flatMap(({ slots: ranges }) => [...eachSlot(ranges)]));
      return { member, node, ids, slots: rangesWhere((slot) => slots.has(slot)) };
    });
}

function forget(leaving: string, nodeId: string, staying: readonly LiveNode[]): LeavePlan["actions"] {
  const by = staying.filter(({ view }) => acquaintances(view).some(({ id }) => id === nodeId)).map(({ id }) => id);
  if (by.length === 0) return [];
  const who = by.length === 1 ? by[0] : `${by.length} nodes`;
  return [
    { action: { kind: "forget-node", leaving, nodeId, by }, summary: `make ${who} forget ${leaving} (node id ${nodeId.slice(0, 8)}…)` },
  ];
}

function refusalsOf({ member: { id }, node, ids, slots }: Leaver, staying: readonly LiveNode[], party: LeavingParty): LeaveRefusal[] {
  if (slots.length > 0) {
    const successor = staying.find(({ member, self }) => party.declared.includes(member) && ids.has(self.masterId ?? ""));
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
        text: `${id} is a master without slots that holds ${node.keys} ${node.keys === 1 ? "key" : "keys"}, of which nobody has a copy; the host stays.`,
        next: `Save what is needed and empty it (FLUSHALL on ${id}), then run the same command again.`,
      },
    ];
  }
  const alone = node !== undefined && acquaintances(node.view).length === 1;
  const inside = staying.filter((each) => party.declared.includes(each.member) && acquaintances(each.view).length > 1);
  if (alone || inside.length > 0) return [];
  return [
    {
      text: `No instance that stays in the cluster answers, so nobody tells whether ${id} owns slots; the host stays.`,
      next: "Bring the other hosts up and run the same command again. To give up the whole lab, declare the host again and destroy it all.",
    },
  ];
}

function strandedFollower({ id, self }: LiveNode): LeaveRefusal {
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

export interface LeaveOptions {
  readonly emit: Emit;
  /** Longest time until all have forgotten, in milliseconds. @default 60000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What was done, in sentences, and who could not be told. */
export interface LeaveOutcome {
  readonly done: readonly string[];
  readonly untold: readonly string[];
}

/**
 * Makes instances leave: plans, does it, and looks again until nobody knows them any more. Running it again continues.
 *
 * @throws LabError `cluster.stays` before anything is touched, `cluster.command-refused`, `cluster.not-forgotten`
 */
export async function leaveCluster(party: LeavingParty, access: InstanceAccess, options: LeaveOptions): Promise<LeaveOutcome> {
  const members = [...party.declared, ...party.former];
  const done: string[] = [];
  const look = async (): Promise<Look<LeaveOutcome>> => {
    const plan = planLeave(await observeCluster(members, access), party);
    if (plan.refusals.length > 0) throw stays(plan.refusals);
    if (plan.actions.length === 0) return { done: true, value: { done, untold: plan.untold } };
    for (const { action, summary } of plan.actions) {
      options.signal?.throwIfAborted();
      options.emit({ type: "step", host: undefined, step: STEP, state: "started", detail: summary });
      await applyMemberAction(action, members, access, options);
      options.emit({ type: "step", host: undefined, step: STEP, state: "changed", detail: summary });
      if (!done.includes(summary)) done.push(summary);
    }
    return { done: false, missing: plan.actions.map(({ summary }) => summary).join("; ") };
  };
  const timeoutMs = options.timeoutMs ?? 60_000;
  try {
    return await waitFor(look, {
      what: "all to forget the nodes that leave",
      timeoutMs,
      ...(options.signal !== undefined && { signal: options.signal }),
    });
  } catch (error) {
    if (isLabError(error) && error.code === "wait.timeout") throw notForgotten([...party.leaving], Math.round(timeoutMs / 1000));
    throw error;
  }
}

const STEP = "leave";
