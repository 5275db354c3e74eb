import { replaceNode } from "../../../operations/cluster/members.ts";
import { formatChange } from "../../../report/cluster/change.ts";
import { printResult, type VerbContext, withProgress } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";
import { changeOptions, type MoveOptions } from "./change.ts";

export async function run(context: VerbContext, options: MoveOptions, [node = "", by = ""]: readonly string[]): Promise<number> {
  const report = await withProgress(context, ({ emit }) => replaceNode({ ...changeOptions(context, options), emit, node, by }));
  printResult(context, report, [report.joined, report.left].flatMap((each) => (each === undefined ? [] : [formatChange(each)])).join("\n"));
  return EXIT.done;
}
