import { createHash } from "node:crypto";
import { applyCluster } from "../../lib/cluster/apply/apply.ts";
import { observeCluster } from "../../lib/cluster/model/observe.ts";
import { planCluster } from "../../lib/cluster/plan/create-and-join.ts";
import { connectRedis } from "../../lib/redis/client.ts";
import type { Argument, BatchReply, RedisClient } from "../../lib/redis/types.ts";
import { importKeys } from "../../lib/transfer/import.ts";
import type { ImportedKey, ImportOptions } from "../../lib/transfer/types.ts";
import { dial, type Lab } from "../cluster/support.ts";
import { overridden } from "../support/client.ts";
import { startServer, type TestServer } from "../support/redis.ts";

export async function form(lab: Lab): Promise<void> {
  await applyCluster(planCluster(await observeCluster(lab.members, lab.access), lab.members), lab.members, lab.access, { emit: lab.emit });
}

/** A server outside the cluster. */
export interface Outside {
  readonly server: TestServer;
  readonly client: RedisClient;
  stop(): Promise<void>;
}

export async function startOutside(
  options: { readonly config?: string; readonly bin?: string; readonly password?: string } = {},
): Promise<Outside> {
  const { password, ...rest } = options;
  const server = await startServer({
    ...rest,
    config: `${options.config ?? ""}\n${password === undefined ? "" : `requirepass ${password}`}`,
  });
  const client = await connectRedis(server, dial, { passwords: password === undefined ? [] : [password], timeoutMs: 60_000 });
  return {
    server,
    client,
    async stop() {
      client.close();
      await server.stop({ signal: "SIGKILL" });
    },
  };
}

/** One key of every type that all versions know, small and large, with and without an end, and with bytes that are no text. */
export const ZOO: readonly (readonly Argument[])[] = [
  ["SET", "text", "a value"],
  ["SET", "number", "12345"],
  ["SET", "empty", ""],
  ["SET", Buffer.from([0xff, 0x00, 0x0d, 0x0a, 0x80]), Buffer.from([0x00, 0xff, 0x0d, 0x0a])],
  ["SET", "", "the key of no bytes"],
  ["SET", "large", Buffer.alloc(300_000, "0123456789")],
  ["SET", "mortal", "v", "EX", "3600"],
  ["SET", "{tag}1", "v"],
  ["SET", "{tag}2", "v", "PX", "7200000"],
  ["RPUSH", "list", "a", "b", "c", "1", "-1"],
  ["RPUSH", "long list", ...numbers(2000)],
  ["SADD", "set of numbers", "1", "2", "3"],
  ["SADD", "set", ...numbers(2000, "member ")],
  ["HSET", "hash", "field", "value"],
  ["HMSET", "large hash", ...numbers(2000, "field ").flatMap((field) => [field, `value of ${field}`])],
  ["ZADD", "zset", "1.5", "a", "-inf", "b", "3.0000000000000004", "c"],
  ["ZADD", "large zset", ...numbers(500).flatMap((number) => [`${number}.25`, `member ${number}`])],
];

function numbers(count: number, prefix = ""): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

/** Plain keys, `key:0` … */
export async function fill(client: RedisClient, count: number, prefix = "key:"): Promise<void> {
  await must(
    client,
    numbers(count, prefix).map((key) => ["SET", key, `value of ${key}`]),
  );
}

export async function must(client: RedisClient, commands: readonly (readonly Argument[])[]): Promise<readonly BatchReply[]> {
  const replies = await client.callAll(commands, { timeoutMs: 30_000 });
  const failed = replies.find((reply) => reply instanceof Error);
  if (failed !== undefined) throw failed;
  return replies;
}

export type Content = ReadonlyMap<string, string>;

const READ: Readonly<Record<string, (key: Buffer) => readonly Argument[]>> = {
  string: (key) => ["GET", key],
  list: (key) => ["LRANGE", key, 0, -1],
  set: (key) => ["SMEMBERS", key],
  hash: (key) => ["HGETALL", key],
  zset: (key) => ["ZRANGE", key, 0, -1, "WITHSCORES"],
};

/** Everything that a server holds in the database that is selected: by key (one character a byte) type, value and the rest of its life in minutes. */
export async function contentOf(client: RedisClient): Promise<Content> {
  const keys: Buffer[] = [];
  let cursor = "0";
  do {
    const [reply] = await must(client, [["SCAN", cursor, "COUNT", 1000]]);
    const [next, found] = reply as readonly [Buffer, readonly Buffer[]];
    cursor = next.toString();
    keys.push(...found);
  } while (cursor !== "0");
  const content = new Map<string, string>();
  const replies = await must(
    client,
    keys.flatMap((key) => [
      ["TYPE", key],
      ["PTTL", key],
    ]),
  );
  const types = keys.map((_, index) => String(replies[2 * index]));
  const values = await must(
    client,
    keys.map((key, index) => READ[types[index] ?? ""]?.(key) ?? ["DUMP", key]),
  );
  for (const [index, key] of keys.entries()) {
    const value = values[index];
    const parts = (Array.isArray(value) ? (value as readonly Buffer[]) : [value as Buffer]).map((part) => part.toString("latin1"));
    const type = types[index] ?? "";
    const text = type === "set" ? parts.sort() : type === "hash" ? pairsOf(parts).sort() : parts;
    const life = Number(replies[2 * index + 1]);
    // In steps of five minutes, upwards: a slow computer changes nothing.
    const end = life < 0 ? "for ever" : `${5 * Math.ceil(life / 300_000)} min`;
    content.set(key.toString("latin1"), `${type} ${end} ${shortened(JSON.stringify(text))}`);
  }
  return content;
}

/** Long texts by their digest: a difference is told in a line. */
function shortened(text: string): string {
  return text.length < 200 ? text : `${text.slice(0, 40)}… ${text.length} ${createHash("sha256").update(text).digest("hex")}`;
}

function pairsOf(parts: readonly string[]): string[] {
  return parts.flatMap((part, index) => (index % 2 === 0 ? [JSON.stringify([part, parts[index + 1]])] : []));
}

/** What all masters of a cluster hold together. A key that two of them have is shown so. */
export async function contentOfCluster(lab: Lab): Promise<Content> {
  const content = new Map<string, string>();
  const { nodes } = await observeCluster(lab.members, lab.access);
  for (const node of nodes.values()) {
    if (!node.reachable || node.role !== "master") continue;
    for (const [key, value] of await contentOf(await lab.access.client(node.id)))
      content.set(key, content.has(key) ? `TWICE ${value}` : value);
  }
  return content;
}

/** Imports with what most tests want, and what `onKey` was told. */
export async function importInto(lab: Lab, source: RedisClient, options: Partial<ImportOptions> = {}) {
  const told: ImportedKey[] = [];
  const report = await importKeys(source, lab.members, lab.access, {
    emit: lab.emit,
    mode: "copy",
    ...options,
    onKey: (key) => {
      told.push(key);
      options.onKey?.(key);
    },
  });
  return { report, told };
}

type CallAll = RedisClient["callAll"];

/** The same client with something between it and the server. */
export function intercepted(
  client: RedisClient,
  callAll: (commands: Parameters<CallAll>[0], next: () => ReturnType<CallAll>) => ReturnType<CallAll>,
): RedisClient {
  return overridden(client, { callAll: (...of) => callAll(of[0], () => client.callAll(...of)) });
}

/** True for the transaction in which a move deletes what has arrived. */
export function isDeletion(commands: Parameters<CallAll>[0]): boolean {
  return String(commands[0]?.[0]) === "MULTI" && String(commands[1]?.[0]) === "DEL";
}
