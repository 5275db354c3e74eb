import { continueWith, withNextCommand } from "../../operations/inside-terraform.ts";
import { bringUp } from "../../operations/up.ts";
import { formatUp } from "../../report/up.ts";
import { printResult, type VerbContext, withProgress } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function run(context: VerbContext, options: { readonly rotatePassword?: boolean }): Promise<number> {
  const command = continueWith(context.lab.name, context.environment);
  const report = await withProgress(
    context,
    ({ emit }) => bringUp({ ...context, emit, rotatePassword: options.rotatePassword ?? false, now: () => new Date() }),
    ({ failures }) => failures.length > 0,
  ).catch((error: unknown) => {
    throw withNextCommand(error, command, context.environment);
  });
  printResult(context, report, formatUp(report, { ...context, continueWith: command }));
  return report.ok ? EXIT.done : EXIT.failed;
}
