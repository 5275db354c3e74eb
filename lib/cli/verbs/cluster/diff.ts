import { diffCluster } from "../../../operations/cluster/read.ts";
import { formatDifferences } from "../../../report/cluster/topology.ts";
import { printResult, type VerbContext } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";

export async function run(context: VerbContext): Promise<number> {
  const report = await diffCluster({ ...context, emit: () => {}, now: () => new Date() });
  printResult(context, report, formatDifferences(report, context));
  return report.differences.length === 0 ? EXIT.done : EXIT.failed;
}
