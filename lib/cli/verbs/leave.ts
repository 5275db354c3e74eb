import { withNextCommand } from "../../operations/inside-terraform.ts";
import { leaveHost } from "../../operations/leave.ts";
import { formatLeave } from "../../report/leave.ts";
import { printResult, type VerbContext, withProgress } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function run(context: VerbContext, _options: unknown, [host = ""]: readonly string[]): Promise<number> {
  const report = await withProgress(context, ({ emit }) => leaveHost({ ...context, emit, host, now: () => new Date() })).catch(
    (error: unknown) => {
      throw withNextCommand(error, `npx cdktf deploy ${context.lab.name}`, context.environment);
    },
  );
  printResult(context, report, formatLeave(report));
  return EXIT.done;
}
