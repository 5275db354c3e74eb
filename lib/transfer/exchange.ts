import { compareAll } from "../cluster/model/compare-values.ts";
import { restoreWords, type Value } from "../cluster/model/value.ts";
import { RedisReplyError } from "../redis/reply-error.ts";
import type { Argument, RedisClient } from "../redis/types.ts";

/** A transaction that carries a value of half a GiB. */
const TIMEOUT_MS = 120_000;

/**
 * Puts another value, or none, in the place of one that this import brought, only if that is still what the cluster has: a client of the cluster may have written it since.
 *
 * @returns whether it was done; false also where the server does not answer for the key any more
 */
export async function exchange(before: Value, after: Value | undefined, client: RedisClient): Promise<boolean> {
  const [watched] = await client.callAll([["WATCH", before.key]], { timeoutMs: TIMEOUT_MS });
  if (watched instanceof RedisReplyError) return false;
  const [found] = await compareAll([{ value: before, asking: false }], undefined, client);
  const ours = found?.kind === "same" || (found?.kind === "differs" && found.in === "life");
  const command: readonly Argument[] = after === undefined ? ["DEL", before.key] : restoreWords(after, true);
  const replies = await client.callAll(ours ? [["MULTI"], command, ["EXEC"]] : [["UNWATCH"]], { timeoutMs: TIMEOUT_MS });
  const result = replies.at(-1);
  return ours && Array.isArray(result) && !result.some((reply) => reply instanceof RedisReplyError);
}
