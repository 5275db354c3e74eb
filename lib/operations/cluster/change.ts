import { applyCluster } from "../../cluster/apply.ts";
import { assertPlanValid } from "../../cluster/assert-plan.ts";
import { type Estimate, estimate } from "../../cluster/estimate.ts";
import { type ClusterLook, lookWhenReady } from "../../cluster/look.ts";
import type { MoveOptions, MoveReport } from "../../cluster/move/types.ts";
import { assertFresh, basisOf, type SavedPlan, savePlan } from "../../cluster/saved-plan.ts";
import type { ClusterMember, ClusterPlan } from "../../cluster/types.ts";
import { failoverTimes } from "../failover-times.ts";
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
 * @throws LabError `operations.move-left-open`, `cluster.not-ready`, those of the plan before anything is touched, and those of its actions
 */
export async function changeCluster(
  options: ChangeOptions,
  makePlan: (look: ClusterLook, cluster: ClusterSession) => ClusterPlan | Promise<ClusterPlan>,
): Promise<ChangeReport> {
  return withClusterLocked(options, options.verb, async (cluster) => {
    const look = await lookAt(cluster, options);
    const plan = await makePlan(look, cluster);
    return carryOut(plan, look, cluster, options);
  });
}

/** Applies a plan that was saved before, if the cluster is still the one that it was made for. @throws LabError `cluster.stale-plan` besides those of `changeCluster` */
export async function applySaved(saved: SavedPlan, options: Omit<ChangeOptions, "verb">): Promise<ChangeReport> {
  return withClusterLocked(options, saved.verb, async (cluster) => {
    const look = await lookAt(cluster, options);
    assertFresh(saved, look);
    return carryOut({ actions: saved.actions, findings: [] }, look, cluster, { ...options, verb: saved.verb });
  });
}

function lookAt({ session, known }: ClusterSession, { others = [] }: Pick<ChangeOptions, "others">): Promise<ClusterLook> {
  return lookWhenReady([...known, ...others], session.access, { signal: session.signal });
}

/** A plan as it is reported: with what it was made of, so that `apply` refuses it when that has changed since. It moves nothing, unless the caller has an estimate. */
export function planned(
  verb: string,
  { actions }: Pick<ClusterPlan, "actions">,
  look: ClusterLook,
  { session, now }: Pick<ClusterSession, "session" | "now">,
): Pick<ChangeReport, "lab" | "target" | "verb" | "plan" | "estimate"> {
  const about = { lab: session.lab.name, target: session.target, verb };
  const plan = savePlan({ ...about, made: now().toISOString(), basis: basisOf(look), actions });
  return { ...about, plan, estimate: { slots: 0, keys: 0, bytes: 0, seconds: 0 } };
}

async function carryOut(plan: ClusterPlan, look: ClusterLook, cluster: ClusterSession, options: ChangeOptions): Promise<ChangeReport> {
  const { verb, dryRun = false } = options;
  assertPlanValid(plan, look);
  const report = { ...planned(verb, plan, look, cluster), estimate: await estimate(plan, look, cluster.session.access) };
  if (dryRun || plan.actions.length === 0) return { ...report, applied: !dryRun, changed: 0, moved: undefined };
  const done = await applyCounted(plan, look.members, cluster, options);
  return { ...report, applied: true, ...done };
}

/** Applies a plan with a journal for its moves, and counts what it did. */
export async function applyCounted(
  plan: ClusterPlan,
  members: readonly ClusterMember[],
  { session, now, quarantine }: ClusterSession,
  { verb, move }: Pick<ChangeOptions, "verb" | "move">,
): Promise<Pick<ChangeReport, "changed" | "moved">> {
  let changed = 0;
  const reports: MoveReport[] = [];
  const { emit, signal, access } = session;
  await applyCluster(plan, members, access, {
    emit: (event) => {
      if (event.type === "step" && event.state === "changed") changed += 1;
      emit(event);
    },
    ...(signal !== undefined && { signal }),
    onMoved: (report) => reports.push(report),
    failovers: failoverTimes(session),
    move: { ...moveOptions(session, verb, now), ...move, quarantine },
  });
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
