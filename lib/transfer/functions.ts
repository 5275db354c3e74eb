import { RedisReplyError } from "../redis/reply-error.ts";
import type { RedisClient } from "../redis/types.ts";
import { targetRefuses } from "./errors.ts";
import type { Routes } from "./routes.ts";

/**
 * Brings the functions of a server (Redis 7.0 and later) to every master of a cluster: they belong to no key, so that no import brings them. Nothing where the server has none.
 *
 * @returns whether there were any
 * @throws LabError `cluster.target-refuses`
 */
export async function bringFunctions(source: RedisClient, routes: Routes): Promise<boolean> {
  const [libraries, dump] = await source.callAll([
    ["FUNCTION", "LIST"],
    ["FUNCTION", "DUMP"],
  ]);
  if (!Array.isArray(libraries) || libraries.length === 0 || !Buffer.isBuffer(dump)) return false;
  for (const master of routes.masters) {
    const { client } = await routes.connectionTo(master);
    const [reply] = await client.callAll([["FUNCTION", "RESTORE", dump, "REPLACE"]], { timeoutMs: 60_000 });
    if (reply instanceof RedisReplyError) throw targetRefuses(master.member.id, `FUNCTION RESTORE: ${reply.message}`);
  }
  return true;
}
