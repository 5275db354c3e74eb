import { messageOf } from "../base/error.ts";
import type { Value } from "../cluster/model/value.ts";
import { type Batch, timeoutFor } from "../cluster/move/batches.ts";
import { RedisReplyError } from "../redis/reply-error.ts";
import type { Argument, BatchReply, RedisClient } from "../redis/types.ts";
import { sourceRefuses } from "./errors.ts";

/** What the source gave for a key: its value, nothing, or why not. */
export type Reading =
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "gone" }
  | { readonly kind: "refused"; readonly why: string };

/** Keys that SCAN looks at in one go: it gives about as many. */
const PAGE = 1000;
/** Longest silence of a source, in milliseconds; a value of half a GiB has to travel to here. */
const TIMEOUT_MS = 60_000;
/** One command for a page; a script spares a command for each key. */
const SIZES = "local sizes = {} for i, key in ipairs(KEYS) do sizes[i] = redis.call('MEMORY', 'USAGE', key) or 0 end return sizes";

/** The keys of the database that is selected, page by page. A key that stays comes at least once, and may come twice (SCAN). */
export async function* scanPages(client: RedisClient): AsyncGenerator<readonly Buffer[]> {
  let cursor = "0";
  do {
    const [reply] = await ask(client, [["SCAN", cursor, "COUNT", PAGE]]);
    const [next, found] = Array.isArray(reply) ? (reply as readonly BatchReply[]) : [];
    cursor = String(next);
    yield Array.isArray(found) ? found.filter((key: BatchReply): key is Buffer => Buffer.isBuffer(key)) : [];
  } while (cursor !== "0");
}

/** What the keys take in memory; nothing where the source does not tell (Redis before 4.0, or a user who may run no scripts). */
export async function sizesOf(client: RedisClient, keys: readonly Buffer[]): Promise<readonly number[] | undefined> {
  const [sizes] = await client.callAll([["EVAL", SIZES, keys.length, ...keys]], { timeoutMs: TIMEOUT_MS });
  return Array.isArray(sizes) ? sizes.map((size) => Number(size) || 0) : undefined;
}

/** Of some keys those that are in another database of the source too, with that database. Leaves `database` selected. */
export async function twinsOf(
  client: RedisClient,
  keys: readonly Buffer[],
  database: number,
  others: readonly number[],
): Promise<ReadonlyMap<Buffer, number>> {
  const twins = new Map<Buffer, number>();
  for (const other of others) {
    const replies = await ask(client, [["SELECT", other], ...keys.map((key) => ["EXISTS", key]), ["SELECT", database]]);
    keys.forEach((key, index) => {
      if (replies[index + 1] === 1) twins.set(key, other);
    });
  }
  return twins;
}

/**
 * Values with the rest of their lives. `watched`: what changes one of them from now on makes the next EXEC of this connection come to nothing. `at-once`: all are read in one
 * transaction, so that each value and its life belong together.
 */
export async function readValues(client: RedisClient, batch: Batch, how: "watched" | "at-once"): Promise<readonly Reading[]> {
  if (batch.keys.length === 0) return [];
  return how === "watched" ? readWatched(client, batch) : readAtOnce(client, batch);
}

// A large value is long under way: the rest of its life is asked for before it.

async function readWatched(client: RedisClient, { keys, bytes }: Batch): Promise<readonly Reading[]> {
  const asked = performance.now();
  const commands = keys.flatMap((key) => [
    ["WATCH", key],
    ["PTTL", key],
    ["DUMP", key],
  ]);
  const replies = await askLeniently(client, commands, bytes);
  return keys.map((key, index) => readingOf(client, key, asked, replies.slice(3 * index, 3 * index + 3)));
}

async function readAtOnce(client: RedisClient, { keys, bytes }: Batch): Promise<readonly Reading[]> {
  const asked = performance.now();
  const questions = keys.flatMap((key) => [
    ["PTTL", key],
    ["DUMP", key],
  ]);
  const replies = await askLeniently(client, [["MULTI"], ...questions, ["EXEC"]], bytes);
  const queued = keys.map((_, index) => replies.slice(1 + 2 * index, 3 + 2 * index));
  const mayBeSeen = queued.map((own) => !own.some((reply) => reply instanceof RedisReplyError));
  if (mayBeSeen.every((may) => may)) {
    const result = replies.at(-1);
    if (!Array.isArray(result)) throw sourceRefuses(client.address, "EXEC", messageOf(result));
    return keys.map((key, index) => readingOf(client, key, asked, result.slice(2 * index, 2 * index + 2)));
  }
  // A transaction that names a key which the user may not see comes to nothing for all of them.
  const rest = [...(await readValues(client, { keys: keys.filter((_, index) => mayBeSeen[index]), bytes }, "at-once"))];
  return keys.map((key, index) => (mayBeSeen[index] ? rest.shift() : undefined) ?? readingOf(client, key, asked, queued[index] ?? []));
}

/** @param replies the last two to PTTL and DUMP */
function readingOf(client: RedisClient, key: Buffer, asked: number, replies: readonly BatchReply[]): Reading {
  const refusal = replies.find((reply) => reply instanceof RedisReplyError);
  if (refusal instanceof RedisReplyError) return { kind: "refused", why: `${client.address} answered: ${refusal.message}` };
  const [ttl, dump] = replies.slice(-2);
  // -2 is a key that is not there, -1 one without an end.
  if (!Buffer.isBuffer(dump) || ttl === -2) return { kind: "gone" };
  return { kind: "value", value: { key, dump, endsAt: typeof ttl === "number" && ttl >= 0 ? asked + ttl : undefined } };
}

/** Deletes keys that are watched; false where one of them has changed, and none is deleted. */
export async function deleteWatched(client: RedisClient, keys: readonly Buffer[]): Promise<boolean> {
  const replies = await ask(client, [["MULTI"], ...keys.map((key) => ["DEL", key]), ["EXEC"]]);
  return Array.isArray(replies.at(-1));
}

export async function unwatch(client: RedisClient): Promise<void> {
  await ask(client, [["UNWATCH"]]);
}

export async function selectDatabase(client: RedisClient, database: number): Promise<void> {
  await ask(client, [["SELECT", database]]);
}

/** Asks the source; a refusal ends the import. @throws LabError `cluster.source-refuses`, `redis.*` */
async function ask(client: RedisClient, commands: readonly (readonly Argument[])[]): Promise<readonly BatchReply[]> {
  const replies = await client.callAll(commands, { timeoutMs: TIMEOUT_MS });
  const refused = replies.findIndex((reply) => reply instanceof RedisReplyError);
  if (refused < 0) return replies;
  throw sourceRefuses(client.address, String(commands[refused]?.[0]), messageOf(replies[refused]));
}

/** The same, but a refusal that is about one key is a reply. */
async function askLeniently(
  client: RedisClient,
  commands: readonly (readonly Argument[])[],
  bytes: number,
): Promise<readonly BatchReply[]> {
  const replies = await client.callAll(commands, { timeoutMs: timeoutFor(bytes, TIMEOUT_MS) });
  for (const [index, reply] of replies.entries())
    if (reply instanceof RedisReplyError && isGeneral(reply))
      throw sourceRefuses(client.address, String(commands[index]?.[0]), reply.message);
  return replies;
}

function isGeneral({ message }: RedisReplyError): boolean {
  if (/^(NOAUTH|LOADING|MASTERDOWN|READONLY|OOM|MISCONF)\b|unknown command/i.test(message)) return true;
  return /^NOPERM\b/.test(message) && !/\b(access|keys?)\b/i.test(message);
}
