import { checkRunning } from "../../../operations/cluster/check.ts";
import { formatCheck } from "../../../report/cluster/check.ts";
import { printResult, type VerbContext } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";

export async function run(context: VerbContext): Promise<number> {
  const report = await checkRunning({ ...context, emit: () => {}, now: () => new Date() });
  printResult(context, report, formatCheck(report, context));
  return report.ok ? EXIT.done : EXIT.failed;
}
