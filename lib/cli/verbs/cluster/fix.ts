import { fixCluster } from "../../../operations/cluster/recover.ts";
import { formatRecovery } from "../../../report/cluster/change.ts";
import { printResult, type VerbContext, withProgress } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";
import { type MoveOptions, moveRequest } from "./change.ts";

export async function run(context: VerbContext, options: MoveOptions & { readonly fixWithUnreachableMasters?: boolean }): Promise<number> {
  const { conflict: _, ...move } = moveRequest(options);
  const report = await withProgress(context, ({ emit }) =>
    fixCluster({
      ...context,
      emit,
      now: () => new Date(),
      dryRun: options.dryRun ?? false,
      withUnreachableMasters: options.fixWithUnreachableMasters ?? false,
      move,
    }),
  );
  printResult(context, report, formatRecovery(report));
  return report.left.length === 0 ? EXIT.done : EXIT.failed;
}
