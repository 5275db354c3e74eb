import { readShards } from "../../../operations/cluster/read.ts";
import { formatTopology, topologySvg } from "../../../report/cluster/topology.ts";
import { printResult, type VerbContext } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";

export async function run(context: VerbContext, options: { readonly format?: unknown }): Promise<number> {
  const report = await readShards({ ...context, emit: () => {}, now: () => new Date() });
  const text = options.format === "svg" ? topologySvg(report) : formatTopology(report);
  printResult({ json: context.json || options.format === "json" }, report, text);
  return EXIT.done;
}
