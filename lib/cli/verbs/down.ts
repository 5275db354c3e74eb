import { assertCanGoDown, bringDown } from "../../operations/down.ts";
import { formatDown } from "../../report/down.ts";
import { confirm } from "../confirm.ts";
import { printResult, type VerbContext, withProgress } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function run(context: VerbContext, options: { readonly purge?: boolean; readonly yes?: boolean }): Promise<number> {
  // Before anybody is asked anything.
  assertCanGoDown(context.lab.name, context.target);
  const remove = options.purge === true ? "everything" : "nothing";
  if (remove === "everything") await confirm(`Remove all data and files of "${context.lab.name}" on ${context.target}?`, options.yes);
  const report = await withProgress(
    context,
    ({ emit }) => bringDown({ ...context, emit, remove, now: () => new Date() }),
    ({ failures }) => failures.length > 0,
  );
  printResult(context, report, formatDown(report));
  return report.failures.length === 0 ? EXIT.done : EXIT.failed;
}
