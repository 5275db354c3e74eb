import { resetNode } from "../../../operations/cluster/members.ts";
import { confirm } from "../../confirm.ts";
import { printResult, type VerbContext, withProgress } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";

export async function run(
  context: VerbContext,
  options: { readonly flush?: boolean; readonly yes?: boolean },
  [node = ""]: readonly string[],
): Promise<number> {
  const flush = options.flush === true;
  await confirm(`Make an empty node of ${node}${flush ? " and delete its keys" : ""}?`, options.yes);
  const report = await withProgress(context, ({ emit }) => resetNode({ ...context, emit, now: () => new Date(), node, flush }));
  printResult(
    context,
    report,
    `${report.instance} is empty and knows nobody${report.keys === 0 ? "" : `; ${report.keys} keys were deleted`}`,
  );
  return EXIT.done;
}
