import type { ClusterPlan } from "../cluster/model/types.ts";
import type { ClusterView } from "../cluster/model/view.ts";
import type { ReshardRequest } from "../cluster/plan/moves.ts";
import type { SavedPlan } from "../cluster/plan/saved-plan.ts";
import type { Lab } from "../lab/schema.ts";
import type { ChangeReport, MoveRequest } from "../operations/cluster/change.ts";
import type { CheckReport } from "../operations/cluster/check.ts";
import type { RecoveryReport } from "../operations/cluster/fix-and-resume.ts";
import type { RebalanceByRequest } from "../operations/cluster/loads.ts";
import type { ReplaceReport, ResetReport } from "../operations/cluster/members.ts";
import type { CallReply, CallRequest, DifferenceReport, TopologyReport, WaitReport } from "../operations/cluster/read.ts";
import type { ClusterSession } from "../operations/cluster/session.ts";
import { type LabOptions, runOn } from "./options.ts";

export { backup, checkBackup, importKeys, restore } from "./cluster-data.ts";

// The verbs of the family `cluster` as functions. All of them throw LabError `operations.not-a-cluster` for a lab of another layout, `cluster.nothing-answers` where no node does,
// and those that change something `project.locked` while another run works on the lab. A node is named as on the command line: HOST, HOST:PORT, ADDRESS:PORT or the beginning of a node id.

export interface DryRunOptions extends LabOptions {
  /** Only plan: the report has `applied` false, and a `plan` that `apply` takes. @default false */
  readonly dryRun?: boolean | undefined;
}

/** How slots move: milliseconds for one MIGRATE, keys in one, slots at once, limits, and what becomes of a key that both sides have. */
export interface MovingOptions extends DryRunOptions {
  readonly move?: MoveRequest | undefined;
}

interface OneNode {
  readonly node: string;
}

/** Who owns which slots, who gives no answer, and everything that is not right; `ok` where nothing is not. @example const { ok, findings } = await cluster.check(lab); */
export function check(lab: Lab, options: LabOptions = {}): Promise<CheckReport> {
  return runOn(lab, options, async (engine) => (await import("../operations/cluster/check.ts")).checkRunning(engine));
}

/** Every shard with its slots, its master and its replicas. @example const { shards } = await cluster.topology(lab); */
export function topology(lab: Lab, options: LabOptions = {}): Promise<TopologyReport> {
  return runOn(lab, options, async (engine) => (await import("../operations/cluster/read.ts")).readShards(engine));
}

/** Where the cluster is not what the lab declares, each with the command that repairs it. A failover makes some, and is not a fault. */
export function diff(lab: Lab, options: LabOptions = {}): Promise<DifferenceReport> {
  return runOn(lab, options, async (engine) => (await import("../operations/cluster/read.ts")).diffCluster(engine));
}

export interface WaitLabOptions extends LabOptions {
  /** Longest wait, in milliseconds. @default 60000 */
  readonly timeoutMs?: number | undefined;
}

/** Waits until nothing is wrong: all that is declared answers, every slot has an owner, none is open, all nodes agree. @throws LabError `cluster.not-ready` after the longest wait */
export function wait(lab: Lab, options: WaitLabOptions = {}): Promise<WaitReport> {
  const { timeoutMs = 60_000 } = options;
  return runOn(lab, options, async (engine) => (await import("../operations/cluster/read.ts")).waitForCluster({ ...engine, timeoutMs }));
}

/** Sends one command to every node. What a node answers is in its reply, an error too. @example await cluster.call(lab, { command: ["DBSIZE"], only: "masters" }); */
export function call(lab: Lab, options: LabOptions & CallRequest): Promise<readonly CallReply[]> {
  const { command, only } = options;
  return runOn(lab, options, async (engine) =>
    (await import("../operations/cluster/read.ts")).callEverywhere({ ...engine, command, only }),
  );
}

/** Forms the declared cluster of instances that run; `up` does it as well. */
export function create(lab: Lab, options: DryRunOptions = {}): Promise<ChangeReport> {
  return runOn(lab, options, async (engine) => {
    const { createCluster } = await import("../operations/cluster/create.ts");
    return createCluster({ ...engine, dryRun: options.dryRun === true });
  });
}

/**
 * Moves slots to a master: `slots` is how many, `from` the masters that give them, or `all`.
 *
 * @throws LabError `cluster.bad-request`, `cluster.not-ready`, `operations.move-left-open`; after an interruption `resume` goes on
 * @example
 * const { moved } = await cluster.reshard(lab, { from: "all", to: "redis-18", slots: 500, move: { throttle: { maxLatencyMs: 5 } } });
 */
export function reshard(lab: Lab, options: MovingOptions & ReshardRequest): Promise<ChangeReport> {
  return change(lab, "reshard", options, async (view) => (await import("../cluster/plan/moves.ts")).reshardPlan(options, view));
}

/**
 * Gives every master its share: by `weights` (1 where none is given, 0 empties a master), of slots, keys, memory or operations per second (`by`). Differences below `threshold` percent stay.
 *
 * @throws LabError as `reshard` does
 * @example
 * await cluster.rebalance(lab, { weights: new Map([["redis-18", 2]]), useEmptyMasters: true });
 */
export function rebalance(lab: Lab, options: MovingOptions & RebalanceByRequest = {}): Promise<ChangeReport> {
  return change(lab, "rebalance", options, async (view, { session }) => {
    const { rebalanceBy } = await import("../operations/cluster/loads.ts");
    return rebalanceBy(options, view, session.access);
  });
}

/** Moves all slots of some masters to the others. @throws LabError as `reshard` does */
export function drain(lab: Lab, options: MovingOptions & { readonly nodes: readonly string[] }): Promise<ChangeReport> {
  return change(lab, "drain", options, async (view) => (await import("../cluster/plan/moves.ts")).drainPlan(options.nodes, view));
}

export interface AddNodeOptions extends DryRunOptions, OneNode {
  /** Its master, or `any` for the one that has the fewest replicas. @default none: it becomes a master without slots */
  readonly replicaOf?: string | undefined;
}

/** Lets an empty node join: a declared standby by its name, or any by its address. @throws LabError `cluster.not-empty`, `cluster.bad-request` */
export function addNode(lab: Lab, options: AddNodeOptions): Promise<ChangeReport> {
  const { node, replicaOf, dryRun = false } = options;
  return runOn(lab, options, async (engine) => {
    const members = await import("../operations/cluster/members.ts");
    return members.addNode({ ...engine, dryRun, node, replicaOf });
  });
}

/** Makes a node leave: forgotten by all, its replicas behind others, itself empty. It may be dead. @throws LabError `cluster.stays` while it owns slots, `cluster.unknown-node`, `cluster.not-forgotten` */
export function delNode(lab: Lab, options: DryRunOptions & OneNode): Promise<ChangeReport> {
  const { node, dryRun = false } = options;
  return runOn(lab, options, async (engine) => (await import("../operations/cluster/members.ts")).removeNode({ ...engine, dryRun, node }));
}

/** Puts a fresh node into the place of another one, which leaves. @example await cluster.replaceNode(lab, { node: "redis-38", by: "redis-78:6379" }); */
export function replaceNode(lab: Lab, options: MovingOptions & OneNode & { readonly by: string }): Promise<ReplaceReport> {
  const { node, by } = options;
  return runOn(lab, options, async (engine) => {
    const members = await import("../operations/cluster/members.ts");
    return members.replaceNode({ ...engine, ...movesOf(options), node, by });
  });
}

/** Sends a replica, or a master without slots, behind a master. @throws LabError `cluster.bad-request`, `cluster.unknown-node` */
export function replicate(lab: Lab, options: DryRunOptions & OneNode & { readonly master: string }): Promise<ChangeReport> {
  const { node, master } = options;
  return change(lab, "replicate", options, async (view) =>
    (await import("../cluster/plan/membership.ts")).replicatePlan(node, master, view),
  );
}

export interface FailoverNodeOptions extends DryRunOptions, OneNode {
  /** `planned` loses nothing; `force` is without the master, and what the replica did not get is lost; `takeover` is without a vote too, for a cluster that has lost its majority. @default planned */
  readonly how?: "planned" | "force" | "takeover" | undefined;
}

/** Hands a shard over: to a replica, or from a master to its best one. @throws LabError `cluster.bad-request`, `cluster.unknown-node` */
export function failover(lab: Lab, options: FailoverNodeOptions): Promise<ChangeReport> {
  const { node, how = "planned", dryRun = false } = options;
  return runOn(lab, options, async (engine) =>
    (await import("../operations/cluster/failover.ts")).failOver({ ...engine, dryRun, node, how }),
  );
}

/** Declared masters lead their shards again, replicas follow their declared masters. */
export function failback(lab: Lab, options: DryRunOptions = {}): Promise<ChangeReport> {
  return change(lab, "failback", options, async (view) => (await import("../cluster/plan/membership.ts")).failbackPlan(view));
}

/** Makes an empty node of one that no other node knows any more; `flush` deletes its keys. @throws LabError `cluster.still-known`, `cluster.not-empty` */
export function reset(lab: Lab, options: LabOptions & OneNode & { readonly flush?: boolean | undefined }): Promise<ResetReport> {
  const { node, flush = false } = options;
  return runOn(lab, options, async (engine) => (await import("../operations/cluster/members.ts")).resetNode({ ...engine, node, flush }));
}

/** Sets cluster-node-timeout on every node, in milliseconds. */
export function setNodeTimeout(lab: Lab, options: DryRunOptions & { readonly ms: number }): Promise<ChangeReport> {
  return change(lab, "set-timeout", options, async (view) =>
    (await import("../cluster/plan/membership.ts")).setTimeoutPlan(options.ms, view),
  );
}

export interface FixLabOptions extends MovingOptions {
  /** The last resort: slots of masters that are lost, and of which no replica answers, go to others without their keys. @default false */
  readonly giveAwayEmpty?: boolean | undefined;
}

/** Puts every slot right: one owner, not open, each key once. `left` has the slots that are still not. @throws LabError `cluster.masters-gone` */
export function fix(lab: Lab, options: FixLabOptions = {}): Promise<RecoveryReport> {
  const { giveAwayEmpty } = options;
  return runOn(lab, options, async (engine) => {
    const { fixCluster } = await import("../operations/cluster/fix-and-resume.ts");
    return fixCluster({ ...engine, ...movesOf(options), giveAwayEmpty });
  });
}

/** Finishes what moves began that did not come to their end. Nothing to do is not an error. */
export function resume(lab: Lab, options: DryRunOptions = {}): Promise<RecoveryReport> {
  return endMoves(lab, "resume", options);
}

/** Brings back what such moves left on its way. */
export function rollback(lab: Lab, options: DryRunOptions = {}): Promise<RecoveryReport> {
  return endMoves(lab, "rollback", options);
}

/** Applies the `plan` of an earlier report. @throws LabError `cluster.stale-plan` where the cluster has changed since, `cluster.harmful-plan` for one that was edited and would lose something */
export function apply(lab: Lab, options: MovingOptions & { readonly plan: SavedPlan }): Promise<ChangeReport> {
  return runOn(lab, options, async (engine) => {
    const { applySaved } = await import("../operations/cluster/change.ts");
    return applySaved(options.plan, { ...engine, ...movesOf(options) });
  });
}

function endMoves(lab: Lab, how: "resume" | "rollback", { dryRun = false, ...options }: DryRunOptions): Promise<RecoveryReport> {
  return runOn(lab, options, async (engine) => {
    const { resumeOrRollBack } = await import("../operations/cluster/fix-and-resume.ts");
    return resumeOrRollBack(how, { ...engine, dryRun });
  });
}

function change(
  lab: Lab,
  verb: string,
  options: MovingOptions,
  makePlan: (view: ClusterView, cluster: ClusterSession) => Promise<ClusterPlan>,
): Promise<ChangeReport> {
  return runOn(lab, options, async (engine) => {
    const { changeCluster } = await import("../operations/cluster/change.ts");
    return changeCluster({ ...engine, ...movesOf(options), verb }, makePlan);
  });
}

function movesOf({ dryRun = false, move = {} }: MovingOptions): { readonly dryRun: boolean; readonly move: MoveRequest } {
  return { dryRun, move };
}
