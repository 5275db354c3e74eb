import { bringUp } from "../../operations/up.ts";
import { continueWith, withNextCommand } from "../../operations/vms/inside-terraform.ts";
import { formatUp } from "../../report/up.ts";
import { printResult, type ReportContext, withProgress } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function up(context: ReportContext<"up">, { rotatePassword }: { readonly rotatePassword: boolean }): Promise<number> {
  const command = continueWith(context.lab.name, context.environment);
  const report = await withProgress(
    context,
    ({ emit }) => bringUp({ ...context, emit, rotatePassword, now: () => new Date() }),
    ({ failures }) => failures.length > 0,
  ).catch((error: unknown) => {
    throw withNextCommand(error, command, context);
  });
  printResult(context, report, formatUp(report, { ...context, continueWith: command }));
  return report.ok ? EXIT.done : EXIT.failed;
}
