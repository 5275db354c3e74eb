import { failOverLab } from "../../operations/failover.ts";
import { formatFailover } from "../../report/failover.ts";
import { printResult, type ReportContext, withProgress } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function failover(
  context: ReportContext<"failover">,
  { force }: { readonly force: boolean },
  { instance }: { readonly instance: string | undefined },
): Promise<number> {
  const report = await withProgress(context, ({ emit }) => failOverLab({ ...context, emit, instance, force, now: () => new Date() }));
  printResult(context, report, formatFailover(report));
  return EXIT.done;
}
