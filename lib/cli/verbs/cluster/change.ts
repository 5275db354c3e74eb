import { writeNamedFile } from "../../../base/atomic.ts";
import { jsonText } from "../../../base/terminal-text.ts";
import type { ClusterPlan } from "../../../cluster/model/types.ts";
import type { ClusterView } from "../../../cluster/model/view.ts";
import type { SavedPlan } from "../../../cluster/plan/saved-plan.ts";
import { applySaved, type ChangeOptions, type ChangeReport, changeCluster, type MoveRequest } from "../../../operations/cluster/change.ts";
import type { ClusterSession } from "../../../operations/cluster/session.ts";
import { formatChange } from "../../../report/cluster/change.ts";
import type { DocumentVerb, Results } from "../../../report/documents.ts";
import { canAsk, confirm } from "../../confirm.ts";
import { printResult, type ReportContext, type VerbContext, withProgress } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";
import { type ThrottleFlags, throttleOf } from "./throttle.ts";

/** Verbs whose document is a plan, and what it changed. */
type ChangeVerb = { [Verb in DocumentVerb]: Results[Verb] extends ChangeReport ? Verb : never }[DocumentVerb];

/** Options of verbs that make a plan. */
export interface PlanOptions {
  readonly dryRun: boolean;
  /** File for the plan. */
  readonly plan: string | undefined;
}

/** Options of verbs that move slots. */
interface MovePace extends ThrottleFlags {
  /** Milliseconds for one MIGRATE. */
  readonly timeout?: number;
  /** Keys in one MIGRATE. */
  readonly pipeline?: number | undefined;
  readonly slotsAtOnce?: number | undefined;
  readonly replace?: boolean;
}
export type MoveFlags = PlanOptions & MovePace;

export function moveRequest({ timeout, pipeline, slotsAtOnce, replace, ...limits }: MovePace): MoveRequest {
  const throttle = throttleOf(limits);
  return {
    timeoutMs: timeout,
    pipeline,
    slotsAtOnce,
    throttle,
    conflict: replace === true ? "keep-source" : "stop",
  };
}

/** Options of an operation, from the context and the plan options of a verb. */
export function changeOptions(context: VerbContext, options: PlanOptions & MovePace): Omit<ChangeOptions, "verb" | "emit"> {
  return { ...context, now: () => new Date(), dryRun: options.dryRun || options.plan !== undefined, move: moveRequest(options) };
}

/** Runs a verb that changes the cluster: plan, dry run or saved plan, progress, report. */
export async function runChange(
  context: ReportContext<ChangeVerb>,
  options: MoveFlags,
  verb: string,
  makePlan: (look: ClusterView, cluster: ClusterSession) => ClusterPlan | Promise<ClusterPlan>,
): Promise<number> {
  return showChange(context, options, (emit) => changeCluster({ ...changeOptions(context, options), emit, verb }, makePlan));
}

/** The same for a verb that asks on a terminal, with its plan in sight: what is applied then is that very plan, or nothing. */
export async function askAndChange(
  context: ReportContext<ChangeVerb>,
  { yes, ...options }: MoveFlags & { readonly yes: boolean },
  verb: string,
  makePlan: (look: ClusterView, cluster: ClusterSession) => ClusterPlan | Promise<ClusterPlan>,
): Promise<number> {
  if (yes || options.dryRun || options.plan !== undefined || context.json || !canAsk()) return runChange(context, options, verb, makePlan);
  // Warnings alone: of a plan nothing is under way.
  const planned = await withProgress({ ...context, json: true }, ({ emit }) =>
    changeCluster({ ...changeOptions(context, { ...options, dryRun: true }), emit, verb }, makePlan),
  );
  printResult(context, planned, formatChange(planned));
  if (planned.plan.actions.length === 0) return EXIT.done;
  await confirm("Do this?", yes, context.signal);
  return showChange(context, options, (emit) => applySaved(planned.plan, { ...changeOptions(context, options), emit }));
}

/** Applies a plan of a file. On a terminal all that it does is shown and asked for: who made the file, and who had it since, is not known. */
export async function askAndApply(
  context: ReportContext<ChangeVerb>,
  saved: SavedPlan,
  { yes, dryRun }: { readonly yes: boolean; readonly dryRun: boolean },
): Promise<number> {
  const most = Number.POSITIVE_INFINITY;
  const options = { dryRun, plan: undefined, ...(dryRun && { most }) };
  if (!yes && !dryRun && !context.json && canAsk()) {
    const planned = await withProgress({ ...context, json: true }, ({ emit }) =>
      applySaved(saved, { ...changeOptions(context, { ...options, dryRun: true }), emit }),
    );
    printResult(context, planned, formatChange(planned, most));
    if (saved.actions.length === 0) return EXIT.done;
    await confirm("Do this?", yes, context.signal);
  }
  return showChange(context, options, (emit) => applySaved(saved, { ...changeOptions(context, options), emit }));
}

/** Runs an operation that reports a change, and shows it. `most`: as in `formatChange`. */
export async function showChange(
  context: ReportContext<ChangeVerb>,
  { plan, most }: Pick<PlanOptions, "plan"> & { readonly most?: number },
  work: (emit: ChangeOptions["emit"]) => Promise<ChangeReport>,
): Promise<number> {
  const report = await withProgress(context, ({ emit }) => work(emit));
  if (plan !== undefined) await writeNamedFile(plan, `${jsonText(report.plan, 2)}\n`);
  const saved = plan === undefined || context.json ? "" : `\nsaved to ${plan}; apply it with: redis-lab apply ${plan}`;
  printResult(context, report, `${formatChange(report, most)}${saved}`);
  return EXIT.done;
}
