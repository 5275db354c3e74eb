import { recoverMoves } from "../../../operations/cluster/recover.ts";
import { formatRecovery } from "../../../report/cluster/change.ts";
import { printResult, type VerbContext, withProgress } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";

export async function run(context: VerbContext, options: { readonly dryRun?: boolean }): Promise<number> {
  const report = await withProgress(context, ({ emit }) =>
    recoverMoves("resume", { ...context, emit, now: () => new Date(), dryRun: options.dryRun ?? false }),
  );
  printResult(context, report, formatRecovery(report));
  return EXIT.done;
}
