import { waitForCluster } from "../../../operations/cluster/read.ts";
import { printResult, type VerbContext } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";

export async function run(context: VerbContext, options: { readonly timeout?: unknown }): Promise<number> {
  const report = await waitForCluster({ ...context, emit: () => {}, now: () => new Date(), timeoutMs: Number(options.timeout) * 1000 });
  printResult(
    context,
    report,
    `${context.lab.name} on ${context.target}: ${report.nodes} nodes agree after ${report.seconds.toFixed(1)} s`,
  );
  return EXIT.done;
}
