import { checkRunning } from "../../../operations/cluster/check.ts";
import { formatInfo } from "../../../report/cluster/check.ts";
import { printResult, type VerbContext } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";

export async function run(context: VerbContext): Promise<number> {
  const { lab, target, nodes } = await checkRunning({ ...context, emit: () => {}, now: () => new Date() });
  const masters = nodes.filter(({ role }) => role === "master");
  printResult(context, { lab, target, masters }, formatInfo({ nodes }, context));
  return EXIT.done;
}
