import { isLabError } from "../../base/error.ts";
import { applyCluster } from "../../cluster/apply/apply.ts";
import { openMoves } from "../../cluster/apply/journal.ts";
import { awaitReadyCluster, obstacles, runningObstacles } from "../../cluster/findings/ready-cluster.ts";
import { awaitAgreement } from "../../cluster/gossip/await-agreement.ts";
import { harmfulPlan } from "../../cluster/model/errors.ts";
import { countSlots } from "../../cluster/model/slots.ts";
import type { ClusterFinding, ClusterMember, ClusterPlan } from "../../cluster/model/types.ts";
import type { ClusterView } from "../../cluster/model/view.ts";
import type { MoveOptions, MoveReport } from "../../cluster/move/types.ts";
import { assertPlanValid, planFaults } from "../../cluster/plan/assert-plan.ts";
import { type Estimate, estimate } from "../../cluster/plan/estimate.ts";
import { assertFresh, basisOf, type SavedPlan, savePlan } from "../../cluster/plan/saved-plan.ts";
import { failoverTimes } from "../failover-times.ts";
import { afterMoves } from "./errors.ts";
import { moveOptions } from "./move-options.ts";
import { type ClusterOptions, type ClusterSession, withClusterLocked } from "./session.ts";

/** How slots move, as a user asks for it. */
export type MoveRequest = Pick<MoveOptions, "timeoutMs" | "pipeline" | "slotsAtOnce" | "throttle" | "conflict">;

/** What a verb was asked to do to a cluster, and what it did. */
export interface ChangeReport {
  readonly lab: string;
  readonly target: string;
  readonly verb: string;
  readonly plan: SavedPlan;
  /** What there is to say of the plan. */
  readonly findings: readonly ClusterFinding[];
  readonly estimate: Estimate;
  /** False for a dry run. */
  readonly applied: boolean;
  /** Actions that changed something. */
  readonly changed: number;
  readonly moved: MoveTotals | undefined;
}

/** All moves of a plan together. */
export interface MoveTotals extends MoveReport {
  /** Where values are that were not kept; undefined where there are none. */
  readonly quarantineFile: string | undefined;
}

export interface ChangeOptions extends ClusterOptions {
  readonly verb: string;
  /** Stop after the plan. @default false */
  readonly dryRun?: boolean;
  readonly move?: MoveRequest;
  /** Instances that are looked at besides the declared ones. @default none */
  readonly others?: readonly ClusterMember[];
}

/**
 * The way of every verb that changes a formed cluster: look until all nodes agree, plan, check the plan, apply it, wait until all agree again.
 *
 * @param afterwards what has to be seen once the plan was applied
 * @throws LabError `operations.move-left-open`, `cluster.not-ready`, those of the plan before anything is touched, and those of its actions
 */
export async function changeCluster(
  options: ChangeOptions,
  makePlan: (view: ClusterView, cluster: ClusterSession) => ClusterPlan | Promise<ClusterPlan>,
  afterwards: (plan: ClusterPlan, view: ClusterView, cluster: ClusterSession) => Promise<void> = async () => {},
): Promise<ChangeReport> {
  return withClusterLocked(options, options.verb, async (cluster) => {
    const view = await lookAt(cluster, options);
    const plan = await makePlan(view, cluster);
    const report = await carryOut(plan, view, cluster, options);
    if (report.applied) await afterwards(plan, view, cluster);
    return report;
  });
}

/** Applies a plan that was saved before, if the cluster is still the one that it was made for. @throws LabError `cluster.stale-plan`, `cluster.harmful-plan` besides those of `changeCluster` */
export async function applySaved(saved: SavedPlan, options: Omit<ChangeOptions, "verb">): Promise<ChangeReport> {
  return withClusterLocked(options, saved.verb, async (cluster) => {
    // A replica takes over from a master that does not answer: that it does not is not an obstacle then.
    const takesOver = saved.actions.every(({ action }) => action.kind === "take-over");
    const view = await lookAt(cluster, options, takesOver ? runningObstacles : obstacles);
    assertFresh(saved, view);
    const faults = planFaults({ actions: saved.actions, findings: [] }, view);
    if (faults.length > 0) throw harmfulPlan(saved.made, faults);
    return carryOut({ actions: saved.actions, findings: [] }, view, cluster, { ...options, verb: saved.verb });
  });
}

function lookAt(
  { session, known }: ClusterSession,
  { others = [] }: Pick<ChangeOptions, "others">,
  judge: typeof obstacles = obstacles,
): Promise<ClusterView> {
  return awaitReadyCluster([...known, ...others], session.access, { signal: session.signal, judge });
}

/** A plan as it is reported: with what it was made of, so that `apply` refuses it when that has changed since. It moves nothing, unless the caller has an estimate. */
export function planned(
  verb: string,
  { actions, findings = [] }: Pick<ClusterPlan, "actions"> & Partial<Pick<ClusterPlan, "findings">>,
  view: ClusterView,
  { session, now }: Pick<ClusterSession, "session" | "now">,
): Pick<ChangeReport, "lab" | "target" | "verb" | "plan" | "findings" | "estimate"> {
  const about = { lab: session.lab.name, target: session.target, verb };
  const plan = savePlan({ ...about, made: now().toISOString(), basis: basisOf(view), actions });
  return { ...about, plan, findings, estimate: { slots: 0, keys: 0, bytes: 0, seconds: 0 } };
}

async function carryOut(plan: ClusterPlan, view: ClusterView, cluster: ClusterSession, options: ChangeOptions): Promise<ChangeReport> {
  const { verb, dryRun = false } = options;
  assertPlanValid(plan, view);
  const report = { ...planned(verb, plan, view, cluster), estimate: await estimate(plan, view, cluster.session.access) };
  if (dryRun || plan.actions.length === 0) return { ...report, applied: !dryRun, changed: 0, moved: undefined };
  const done = await applyCounted(plan, view.members, cluster, options);
  return { ...report, applied: true, ...done };
}

/** Applies a plan with a journal for its moves, counts what it did, and waits until all nodes have heard of it: replicas hear of a moved slot last, and the next look would find that they do not agree. */
export async function applyCounted(
  plan: ClusterPlan,
  members: readonly ClusterMember[],
  { session, now, quarantine }: ClusterSession,
  { verb, move }: Pick<ChangeOptions, "verb" | "move">,
): Promise<Pick<ChangeReport, "changed" | "moved">> {
  let changed = 0;
  const reports: MoveReport[] = [];
  const { emit, signal, access } = session;
  const moves = plan.actions.flatMap(({ action }) => (action.kind === "move-slots" ? [countSlots(action.slots)] : []));
  const planned = moves.reduce((sum, each) => sum + each, 0);
  await applyCluster(plan, members, access, {
    emit: (event) => {
      if (event.type === "step" && event.state === "changed") changed += 1;
      emit(event);
    },
    signal,
    onMoved: (report) => reports.push(report),
    failovers: failoverTimes(session),
    move: { ...moveOptions(session, verb, now), ...move, quarantine },
  }).catch(async (error: unknown) => {
    if (planned === 0 || !(isLabError(error) || signal?.aborted === true)) throw error;
    const open = (await openMoves(session.paths.journalFolder)).length > 0;
    throw afterMoves(error, { lab: session.lab.name, verb, planned, moved: totalsOf(reports, quarantine.file)?.slots ?? 0, open });
  });
  await awaitAgreement(members, access, { signal });
  return { changed, moved: totalsOf(reports, quarantine.file) };
}

export function totalsOf(reports: readonly MoveReport[], file: string): MoveTotals | undefined {
  if (reports.length === 0) return undefined;
  const sum = (value: (report: MoveReport) => number) => reports.reduce((total, report) => total + value(report), 0);
  const quarantined = sum((report) => report.quarantined);
  return {
    slots: sum(({ slots }) => slots),
    keys: sum(({ keys }) => keys),
    bytes: sum(({ bytes }) => bytes),
    seconds: sum(({ seconds }) => seconds),
    quarantined,
    quarantineFile: quarantined > 0 ? file : undefined,
  };
}
