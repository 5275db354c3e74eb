import { fixCluster, resumeOrRollBack } from "../../../operations/cluster/fix-and-resume.ts";
import { formatRecovery } from "../../../report/cluster/change.ts";
import { printResult, type ReportContext, withProgress } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";
import { type MoveFlags, moveRequest } from "./change.ts";

// Verbs for a cluster that a fault or an interrupted move left behind.

export async function fix(
  context: ReportContext<"cluster fix">,
  options: MoveFlags & { readonly giveAwayEmpty: boolean },
): Promise<number> {
  const { conflict: _, ...move } = moveRequest(options);
  const report = await withProgress(context, ({ emit }) =>
    fixCluster({
      ...context,
      emit,
      now: () => new Date(),
      dryRun: options.dryRun,
      giveAwayEmpty: options.giveAwayEmpty,
      move,
    }),
  );
  printResult(context, report, formatRecovery(report));
  return report.left.length === 0 ? EXIT.done : EXIT.failed;
}

export const resume = (context: ReportContext<"cluster resume">, options: DryRun) => endMove("resume", context, options);
export const rollback = (context: ReportContext<"cluster rollback">, options: DryRun) => endMove("rollback", context, options);

interface DryRun {
  readonly dryRun: boolean;
}

async function endMove<How extends "resume" | "rollback">(
  how: How,
  context: ReportContext<`cluster ${How}`>,
  { dryRun }: DryRun,
): Promise<number> {
  const report = await withProgress(context, ({ emit }) => resumeOrRollBack(how, { ...context, emit, now: () => new Date(), dryRun }));
  printResult(context, report, formatRecovery(report));
  return EXIT.done;
}
