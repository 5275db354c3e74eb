import { diagnose } from "../../operations/doctor/doctor.ts";
import { needsAPerson, readLeftovers, removeLeftovers } from "../../operations/doctor/orphans.ts";
import { describeOrphan } from "../../operations/doctor/vm-checks.ts";
import { withSession } from "../../operations/session.ts";
import { formatDiagnosis } from "../../report/doctor.ts";
import { canAsk, confirm } from "../confirm.ts";
import { printResult, type VerbContext, withProgress } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function run(context: VerbContext, options: { readonly fix?: boolean; readonly yes?: boolean }): Promise<number> {
  const fixed = options.fix === true ? await fix(context, options.yes) : undefined;
  const diagnosis = await withSession({ ...context, emit: () => {} }, (session) => diagnose(session, context.environment));
  const lines = fixed === undefined ? [] : fixed.length === 0 ? ["nothing to fix", ""] : [...fixed.map((what) => `removed  ${what}`), ""];
  printResult(context, { ...diagnosis, ...(fixed !== undefined && { fixed }) }, [...lines, formatDiagnosis(diagnosis)].join("\n"));
  return diagnosis.healthy ? EXIT.done : EXIT.failed;
}

/** @returns what was removed, as sentences */
async function fix(context: VerbContext, yes: boolean | undefined): Promise<readonly string[]> {
  const { orphans, unknown } = await readLeftovers(context);
  if (unknown !== undefined) process.stderr.write(`warning: what is left over can't be told: ${unknown}\n`);
  // A script says --yes where it means a VM that runs.
  const those = orphans.filter((orphan) => yes === true || canAsk() || !needsAPerson(orphan));
  for (const orphan of orphans.filter((each) => !those.includes(each)))
    process.stderr.write(`warning: ${describeOrphan(orphan)} was kept, as somebody may work with it; --yes removes it too\n`);
  if (those.length === 0) return [];
  const what = those.map(describeOrphan);
  await confirm(
    `Unknown to Terraform:\n${what.map((each) => `  ${each}`).join("\n")}\nRemove ${what.length === 1 ? "it" : "all of them"}?`,
    yes,
  );
  await withProgress(context, ({ emit }) => removeLeftovers({ ...context, emit, now: () => new Date() }, those));
  return what;
}
