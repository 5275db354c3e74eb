import { assertCanGoDown, bringDown } from "../../operations/down.ts";
import { endLocalOrphans, findLocalOrphans } from "../../operations/local-orphans.ts";
import { formatDown, formatOrphans } from "../../report/down.ts";
import { confirm } from "../confirm.ts";
import { printResult, type ReportContext, withProgress } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function down(
  context: ReportContext<"down">,
  options: { readonly purge: boolean; readonly orphans: boolean; readonly yes: boolean },
): Promise<number> {
  if (options.orphans) return endOrphans(context, options.yes);
  // Before anybody is asked anything.
  assertCanGoDown(context.lab.name, context.target);
  const remove = options.purge ? "everything" : "nothing";
  if (remove === "everything")
    await confirm(`Remove all data and files of "${context.lab.name}" on ${context.target}?`, options.yes, context.signal);
  const report = await withProgress(
    context,
    ({ emit }) => bringDown({ ...context, emit, remove, now: () => new Date() }),
    ({ failures }) => failures.length > 0,
  );
  printResult(context, report, formatDown(report));
  return report.failures.length === 0 ? EXIT.done : EXIT.failed;
}

async function endOrphans(context: ReportContext<"down">, yes: boolean): Promise<number> {
  const orphans = await findLocalOrphans({ ...context, emit: () => {} });
  if (orphans.length > 0) {
    const list = orphans.map(({ pid, host, title }) => `  ${pid}  ${host}  ${title}`).join("\n");
    await confirm(`${list}\nEnd them? What they have not saved is lost where their folder is gone.`, yes, context.signal);
  }
  const report = await withProgress(context, ({ emit }) => endLocalOrphans({ ...context, emit, now: () => new Date() }, orphans));
  printResult(context, report, formatOrphans(report));
  return EXIT.done;
}
