import { RedisReplyError } from "../../redis/reply-error.ts";
import type { Argument, BatchReply, RedisClient } from "../../redis/types.ts";
import { sameBytes, sameLife, type Value } from "./value.ts";

/** How a key of the cluster compares with a value of the source. */
export type Comparison =
  | { readonly kind: "same" }
  | { readonly kind: "differs"; readonly in: "value" | "life" }
  /** It is not there (any more). */
  | { readonly kind: "absent" }
  /** The server answers for this key no longer: its slot has moved, or it is not a master now. */
  | { readonly kind: "elsewhere"; readonly why: string };

/** A value of half a GiB has to travel to here. */
const TIMEOUT_MS = 120_000;

/** A node that holds a key, and whether it has to be asked with ASKING: a master answers for a slot that it imports only then. */
export interface Holder {
  readonly client: RedisClient;
  readonly asking: boolean;
}

/**
 * Compares values with what the cluster has under their keys, all at one master. Equal bytes are equal values; others are read and compared by content, as hash tables are dumped
 * in the order of their server's own random seed, and versions write lists, hashes and sorted sets in other ways.
 *
 * @param source where the values are from, for a comparison by content; undefined where they are not there any more: what differs in bytes is different then
 */
export async function compareAll(
  items: readonly { readonly value: Value; readonly asking: boolean }[],
  source: RedisClient | undefined,
  client: RedisClient,
): Promise<readonly Comparison[]> {
  const asked = performance.now();
  const replies = await client.callAll(
    items.flatMap(({ value: { key }, asking }) => {
      const before = asking ? [["ASKING"]] : [];
      return [...before, ["PTTL", key], ...before, ["DUMP", key]];
    }),
    { timeoutMs: TIMEOUT_MS },
  );
  const found: Comparison[] = [];
  let at = 0;
  for (const { value, asking } of items) {
    const [ttl, dump] = asking ? [replies[at + 1], replies[at + 3]] : [replies[at], replies[at + 1]];
    at += asking ? 4 : 2;
    found.push(await compareOne(value, asked, ttl, dump, source, { client, asking }));
  }
  return found;
}

async function compareOne(
  value: Value,
  asked: number,
  ttl: BatchReply | undefined,
  dump: BatchReply | undefined,
  source: RedisClient | undefined,
  holder: Holder,
): Promise<Comparison> {
  for (const reply of [ttl, dump]) if (reply instanceof RedisReplyError) return { kind: "elsewhere", why: reply.message };
  if (!Buffer.isBuffer(dump)) return { kind: "absent" };
  const equal =
    sameBytes(dump, value.dump) || (source !== undefined && (await sameContent(value.key, { client: source, asking: false }, holder)));
  if (!equal) return { kind: "differs", in: "value" };
  const endsAt = typeof ttl === "number" && ttl >= 0 ? asked + ttl : undefined;
  return sameLife(endsAt, value.endsAt) ? { kind: "same" } : { kind: "differs", in: "life" };
}

/** Whether two nodes have the same under a key, however they write it. */
export async function sameContent(key: Buffer, a: Holder, b: Holder): Promise<boolean> {
  const [typeA, typeB] = await Promise.all([a, b].map(async (holder) => String((await askAt(holder, [["TYPE", key]]))[0])));
  const reader = READERS[typeA ?? ""];
  if (typeA !== typeB || reader === undefined) return false;
  const [contentA, contentB] = await Promise.all([a, b].map((holder) => reader(key, (...commands) => askAt(holder, commands))));
  return contentA !== undefined && contentB !== undefined && equalParts(contentA, contentB);
}

type Ask = (...commands: (readonly Argument[])[]) => Promise<readonly BatchReply[]>;
/** Reads a value as parts that are equal, one by one, for equal values; undefined where it could not be read. */
type Reader = (key: Buffer, ask: Ask) => Promise<readonly Buffer[] | undefined>;

/** Types that can be read. Others (of modules) are equal only byte for byte. */
const READERS: Readonly<Record<string, Reader>> = {
  string: async (key, ask) => flat(await ask(["GET", key])),
  list: async (key, ask) => flat(await ask(["LRANGE", key, 0, -1])),
  set: async (key, ask) => flat(await ask(["SMEMBERS", key]))?.sort(Buffer.compare),
  hash: async (key, ask) => pairs(flat(await ask(["HGETALL", key])), (text) => text),
  // Versions write the same score with more or fewer digits.
  zset: async (key, ask) => pairs(flat(await ask(["ZRANGE", key, 0, -1, "WITHSCORES"])), (score) => Buffer.from(String(scoreOf(score)))),
  stream: async (key, ask) => {
    const [entries, info, groups] = await ask(["XRANGE", key, "-", "+"], ["XINFO", "STREAM", key], ["XINFO", "GROUPS", key]);
    if (!Array.isArray(groups) || entries instanceof RedisReplyError) return undefined;
    const known = groups.map((group: BatchReply) => fieldsOf(group));
    const pending = await ask(...known.map((group) => ["XPENDING", key, group.get("name") ?? ""]));
    const last = [
      fieldsOf(info).get("last-generated-id"),
      ...known.flatMap((group) => [group.get("name"), group.get("last-delivered-id")]),
    ];
    return flat([entries ?? null, ...last.map((part) => part ?? null), ...pending]);
  },
};

async function askAt({ client, asking }: Holder, commands: readonly (readonly Argument[])[]): Promise<readonly BatchReply[]> {
  const asked = asking ? commands.flatMap((command) => [["ASKING"], command]) : commands;
  const replies = await client.callAll(asked, { timeoutMs: TIMEOUT_MS });
  return asking ? replies.filter((_, index) => index % 2 === 1) : replies;
}

/** All leaves of some replies, an array within an array with its length before it; undefined where a part is an error. */
function flat(replies: readonly BatchReply[]): Buffer[] | undefined {
  const parts: Buffer[] = [];
  const visit = (reply: BatchReply, depth: number): boolean => {
    if (reply instanceof RedisReplyError) return false;
    if (!Array.isArray(reply)) {
      parts.push(Buffer.isBuffer(reply) ? reply : Buffer.from(`${typeof reply}:${String(reply)}`));
      return true;
    }
    if (depth > 0) parts.push(Buffer.from(`array:${reply.length}`));
    return (reply as readonly BatchReply[]).every((part) => visit(part, depth + 1));
  };
  return replies.every((reply) => visit(reply, 0)) ? parts : undefined;
}

/** Field and value (member and score) as one part each, in the order of their bytes. */
function pairs(parts: readonly Buffer[] | undefined, second: (text: Buffer) => Buffer): Buffer[] | undefined {
  if (parts === undefined) return undefined;
  const joined: Buffer[] = [];
  for (let index = 0; index + 1 < parts.length; index += 2) {
    const [first = Buffer.alloc(0), value = Buffer.alloc(0)] = parts.slice(index, index + 2);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(first.length);
    joined.push(Buffer.concat([length, first, second(value)]));
  }
  return joined.sort(Buffer.compare);
}

function scoreOf(text: Buffer): number {
  const word = text.toString();
  return word === "inf" ? Number.POSITIVE_INFINITY : word === "-inf" ? Number.NEGATIVE_INFINITY : Number(word);
}

/** The fields of a flat reply that are bulk strings. */
function fieldsOf(reply: BatchReply | undefined): ReadonlyMap<string, Buffer> {
  const parts = Array.isArray(reply) ? (reply as readonly BatchReply[]) : [];
  const fields = new Map<string, Buffer>();
  for (let index = 0; index + 1 < parts.length; index += 2) {
    const value = parts[index + 1];
    if (Buffer.isBuffer(value)) fields.set(String(parts[index]), value);
  }
  return fields;
}

function equalParts(a: readonly Buffer[], b: readonly Buffer[]): boolean {
  return a.length === b.length && a.every((part, index) => part.equals(b[index] ?? Buffer.alloc(0)) && b[index] !== undefined);
}
