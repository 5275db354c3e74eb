import { leaveHost } from "../../operations/leaving/leave.ts";
import { withNextCommand } from "../../operations/vms/inside-terraform.ts";
import { formatLeave } from "../../report/leave.ts";
import { printResult, type ReportContext, withProgress } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function leave(
  context: ReportContext<"leave">,
  { keep }: { readonly keep: boolean },
  { host }: { readonly host: string },
): Promise<number> {
  const report = await withProgress(context, ({ emit }) => leaveHost({ ...context, emit, host, keep, now: () => new Date() })).catch(
    (error: unknown) => {
      throw withNextCommand(error, `npx cdktf deploy ${context.lab.name}`, context);
    },
  );
  printResult(context, report, formatLeave(report));
  return EXIT.done;
}
