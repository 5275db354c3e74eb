import { byCount } from "../../base/text.ts";
import { examineLab } from "../../operations/doctor/doctor.ts";
import { needsAPerson, planRemoval, readOrphans, removeLeftovers } from "../../operations/doctor/orphans.ts";
import { describeOrphan } from "../../operations/doctor/vm-checks.ts";
import { withSession } from "../../operations/session.ts";
import { formatDoctorReport } from "../../report/doctor.ts";
import { say } from "../../report/print.ts";
import { canAsk, confirm } from "../confirm.ts";
import { printResult, type ReportContext, type VerbContext, withProgress } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function doctor(context: ReportContext<"doctor">, options: { readonly fix: boolean; readonly yes: boolean }): Promise<number> {
  const fixed = options.fix ? await fix(context, options.yes) : undefined;
  const report = await withSession({ ...context, emit: () => {} }, (session) => examineLab(session, context.environment));
  const lines =
    fixed === undefined ? [] : fixed.length === 0 ? ["nothing was removed", ""] : [...fixed.map((what) => `removed  ${what}`), ""];
  printResult(context, { ...report, ...(fixed !== undefined && { fixed }) }, [...lines, formatDoctorReport(report)].join("\n"));
  return report.healthy ? EXIT.done : EXIT.failed;
}

/** @returns what was removed, as sentences */
async function fix(context: VerbContext, yes: boolean): Promise<readonly string[]> {
  const { orphans, unknown } = await readOrphans(context);
  if (unknown !== undefined) say(`warning: what is left over is not known: ${unknown}\n`);
  const { those, kept, optionAnswers } = planRemoval(orphans, canAsk());
  for (const orphan of kept)
    say(`warning: ${describeOrphan(orphan)} was kept: ${needsAPerson(orphan)}. To remove it, run this on a terminal and answer\n`);
  if (those.length === 0) return [];
  const what = those.map(describeOrphan);
  const listed = those.map((orphan) => `  ${[describeOrphan(orphan), needsAPerson(orphan)].filter(Boolean).join(": ")}`);
  const question = `Unknown to Terraform:\n${listed.join("\n")}\nRemove ${byCount(what.length, "it", "all of them")}?`;
  await confirm(question, optionAnswers ? yes : "never", context.signal);
  await withProgress(context, ({ emit }) => removeLeftovers({ ...context, emit, now: () => new Date() }, those));
  return what;
}
