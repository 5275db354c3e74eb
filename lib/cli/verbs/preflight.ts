import { preflight } from "../../operations/preflight.ts";
import { formatPreflight } from "../../report/preflight.ts";
import { printResult, type VerbContext, withProgress } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function run(context: VerbContext): Promise<number> {
  const report = await withProgress(
    context,
    ({ emit }) => preflight({ ...context, emit }),
    ({ ready }) => !ready,
  );
  printResult(context, report, formatPreflight(report));
  return report.ready ? EXIT.done : EXIT.failed;
}
