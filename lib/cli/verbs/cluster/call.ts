import { callEverywhere } from "../../../operations/cluster/read.ts";
import { formatRaw } from "../../../redis/repl-format.ts";
import type { TypedReply } from "../../../redis/types.ts";
import { printResult, type VerbContext } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";

export async function run(
  context: VerbContext,
  options: { readonly onlyMasters?: boolean; readonly onlyReplicas?: boolean },
  command: readonly string[],
): Promise<number> {
  const only = options.onlyMasters === true ? "masters" : options.onlyReplicas === true ? "replicas" : undefined;
  const replies = await callEverywhere({ ...context, emit: () => {}, now: () => new Date(), command, only });
  const text = replies.map(({ instance, reply }) => `${instance}: ${String(formatRaw(reply)).replaceAll("\n", " ")}`).join("\n");
  printResult(
    context,
    replies.map(({ instance, reply }) => ({ instance, type: reply.type, value: plain(reply) })),
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
