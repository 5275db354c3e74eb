import { writeFile } from "node:fs/promises";
import type { ClusterLook } from "../../../cluster/look.ts";
import type { ClusterPlan } from "../../../cluster/types.ts";
import { type ChangeOptions, type ChangeReport, changeCluster, type MoveRequest } from "../../../operations/cluster/change.ts";
import type { ClusterSession } from "../../../operations/cluster/session.ts";
import { formatChange } from "../../../report/cluster/change.ts";
import { printResult, type VerbContext, withProgress } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";
import { type ThrottleOptions, throttleOf } from "./throttle.ts";

/** Options of verbs that make a plan, and of those that move slots. */
export interface PlanOptions {
  readonly dryRun?: boolean;
  readonly plan?: string;
}

export interface MoveOptions extends PlanOptions, ThrottleOptions {
  readonly timeout?: number;
  readonly pipeline?: number;
  readonly slotsAtOnce?: number;
  readonly replace?: boolean;
}

export function moveRequest({ timeout, pipeline, slotsAtOnce, replace, ...limits }: MoveOptions): MoveRequest {
  const throttle = throttleOf(limits);
  return {
    ...(timeout !== undefined && { timeoutMs: timeout }),
    ...(pipeline !== undefined && { pipeline }),
    ...(slotsAtOnce !== undefined && { slotsAtOnce }),
    ...(throttle !== undefined && { throttle }),
    conflict: replace === true ? "keep-source" : "stop",
  };
}

/** Options of an operation, from the context and the plan options of a verb. */
export function changeOptions(context: VerbContext, options: MoveOptions): Omit<ChangeOptions, "verb" | "emit"> {
  return { ...context, now: () => new Date(), dryRun: options.dryRun === true || options.plan !== undefined, move: moveRequest(options) };
}

/** Runs a verb that changes the cluster: plan, dry run or saved plan, progress, report. */
export async function runChange(
  context: VerbContext,
  options: MoveOptions,
  verb: string,
  makePlan: (look: ClusterLook, cluster: ClusterSession) => ClusterPlan | Promise<ClusterPlan>,
): Promise<number> {
  return showChange(context, options, (emit) => changeCluster({ ...changeOptions(context, options), emit, verb }, makePlan));
}

/** Runs an operation that reports a change, and shows it. */
export async function showChange(
  context: VerbContext,
  options: PlanOptions,
  work: (emit: ChangeOptions["emit"]) => Promise<ChangeReport>,
): Promise<number> {
  const report = await withProgress(context, ({ emit }) => work(emit));
  if (options.plan !== undefined) await writeFile(options.plan, `${JSON.stringify(report.plan, null, 2)}\n`, { mode: 0o600 });
  const saved =
    options.plan === undefined || context.json ? "" : `\nsaved to ${options.plan}; apply it with: redis-lab apply ${options.plan}`;
  printResult(context, report, `${formatChange(report)}${saved}`);
  return EXIT.done;
}
