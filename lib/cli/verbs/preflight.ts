import { withNextCommand } from "../../operations/vms/inside-terraform.ts";
import { preflight as checkPreflight } from "../../operations/vms/preflight.ts";
import { formatPreflight } from "../../report/preflight.ts";
import { printResult, type ReportContext, withProgress } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function preflight(context: ReportContext<"preflight">): Promise<number> {
  const report = await withProgress(
    context,
    ({ emit }) => checkPreflight({ ...context, emit, now: () => new Date() }),
    ({ ready }) => !ready,
  ).catch((error: unknown) => {
    throw withNextCommand(error, `npx cdktf deploy ${context.lab.name}`, context);
  });
  printResult(context, report, formatPreflight(report));
  return report.ready ? EXIT.done : EXIT.failed;
}
