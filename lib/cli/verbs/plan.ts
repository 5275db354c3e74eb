import { planLab } from "../../operations/plan.ts";
import { withSession } from "../../operations/session.ts";
import { formatPlan } from "../../report/plan.ts";
import { printResult, type VerbContext, withProgress } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function run(context: VerbContext, options: { readonly exitCode?: boolean }): Promise<number> {
  const plan = await withProgress(context, ({ emit }) => withSession({ ...context, emit }, planLab));
  printResult(context, plan, formatPlan(plan));
  const refused =
    plan.unreachable.length > 0 ||
    plan.hosts.some(({ refusals }) => refusals.length > 0) ||
    plan.layout.findings.some(({ severity }) => severity === "refuses");
  if (refused) return EXIT.failed;
  return options.exitCode === true && plan.changes > 0 ? EXIT.pending : EXIT.done;
}
