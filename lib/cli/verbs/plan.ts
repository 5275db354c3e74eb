import { planLab } from "../../operations/plan.ts";
import { withSession } from "../../operations/session.ts";
import { formatPlan } from "../../report/plan.ts";
import { printResult, type ReportContext, withProgress } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function plan(context: ReportContext<"plan">, options: { readonly exitCode: boolean }): Promise<number> {
  const { found, addresses } = await withProgress(context, ({ emit }) =>
    withSession({ ...context, emit }, async (session) => {
      const placed = session.placement.hosts.map(({ name, address }) => [name, address] as const);
      return { found: await planLab(session), addresses: new Map(placed) };
    }),
  );
  printResult(context, found, formatPlan(found, addresses));
  const refused =
    found.unreachable.length > 0 ||
    found.hosts.some(({ refusals }) => refusals.length > 0) ||
    found.layout.findings.some(({ severity }) => severity === "refuses");
  if (refused) return EXIT.failed;
  return options.exitCode && found.changes > 0 ? EXIT.pending : EXIT.done;
}
