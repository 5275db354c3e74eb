import { checkRunning } from "../../../operations/cluster/check.ts";
import { callEverywhere, diffCluster, readShards, waitForCluster } from "../../../operations/cluster/read.ts";
import { formatRaw } from "../../../redis/repl-format.ts";
import type { TypedReply } from "../../../redis/types.ts";
import { formatCheck, formatInfo } from "../../../report/cluster/check.ts";
import { formatDifferences, formatTopology, topologySvg } from "../../../report/cluster/topology.ts";
import { printResult, type ReportContext, type VerbContext } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";

// Verbs that read a running cluster and change nothing.

const quiet = (context: VerbContext) => ({ ...context, emit: () => {}, now: () => new Date() });

export async function check(context: ReportContext<"cluster check">): Promise<number> {
  const report = await checkRunning(quiet(context));
  printResult(context, report, formatCheck(report, context));
  return report.ok ? EXIT.done : EXIT.failed;
}

export async function info(context: ReportContext<"cluster info">): Promise<number> {
  const { nodes, absent } = await checkRunning(quiet(context));
  const masters = nodes.filter(({ role }) => role === "master");
  printResult(context, { masters, absent }, formatInfo({ nodes, absent }, context));
  return EXIT.done;
}

export async function topology(
  context: ReportContext<"cluster topology">,
  { format }: { readonly format: "text" | "json" | "svg" },
): Promise<number> {
  const report = await readShards(quiet(context));
  const text = format === "svg" ? topologySvg(report) : formatTopology(report);
  printResult({ ...context, json: context.json || format === "json" }, report, text);
  return EXIT.done;
}

export async function diff(context: ReportContext<"cluster diff">): Promise<number> {
  const report = await diffCluster(quiet(context));
  printResult(context, report, formatDifferences(report, context));
  return report.differences.length === 0 ? EXIT.done : EXIT.failed;
}

/** @param options `timeout`: longest wait, in seconds */
export async function wait(context: ReportContext<"cluster wait">, options: { readonly timeout: number }): Promise<number> {
  const report = await waitForCluster({ ...quiet(context), timeoutMs: options.timeout * 1000 });
  printResult(
    context,
    report,
    `${context.lab.name} on ${context.target}: ${report.nodes} nodes agree after ${report.seconds.toFixed(1)} s`,
  );
  return EXIT.done;
}

export async function call(
  context: ReportContext<"cluster call">,
  options: { readonly onlyMasters: boolean; readonly onlyReplicas: boolean },
  { command }: { readonly command: readonly string[] },
): Promise<number> {
  const only = options.onlyMasters ? "masters" : options.onlyReplicas ? "replicas" : undefined;
  const replies = await callEverywhere({ ...quiet(context), command, only });
  const text = replies.map(({ instance, reply }) => `${instance}: ${String(formatRaw(reply)).replaceAll("\n", " ")}`).join("\n");
  printResult(
    { ...context, invocation: undefined, terminal: false },
    { replies: replies.map(({ instance, reply }) => ({ instance, type: reply.type, value: plain(reply) })) },
    text,
  );
  return replies.some(({ reply }) => reply.type === "error") ? EXIT.failed : EXIT.done;
}

/** A reply as JSON has it. */
function plain({ value }: TypedReply): unknown {
  if (Buffer.isBuffer(value)) return value.toString();
  if (typeof value === "bigint") return value.toString();
  return Array.isArray(value) ? value.map(plain) : value;
}
