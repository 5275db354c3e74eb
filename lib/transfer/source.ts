import { isLabError } from "../base/error.ts";
import { connectRedis } from "../redis/client.ts";
import { parseServerInfo, type ServerInfo } from "../redis/commands.ts";
import { RedisReplyError } from "../redis/reply-error.ts";
import type { Dial, RedisClient } from "../redis/types.ts";
import type { Version } from "../redis/version.ts";
import {
  badDatabase,
  sourceIsCluster,
  sourceIsMember,
  sourceIsReplica,
  sourceIsSentinel,
  sourceLoading,
  sourcePassword,
  sourceRefuses,
} from "./errors.ts";
import type { ImportOptions, SourceDatabase } from "./types.ts";

export interface SourceEndpoint {
  readonly address: string;
  readonly port: number;
  /** ACL user, known from Redis 6.0 on. @default the server's default user */
  readonly user?: string | undefined;
  /** @default none is sent */
  readonly password?: string | undefined;
}

/**
 * Connects to a server from which is imported.
 *
 * @throws LabError `cluster.source-password`, and `redis.*` as `connectRedis`
 */
export async function openSource(
  { address, port, user, password }: SourceEndpoint,
  dial: Dial,
  signal?: AbortSignal,
): Promise<RedisClient> {
  const passwords = password === undefined ? [] : [password];
  const client = await connectRedis({ address, port }, dial, { passwords, user, timeoutMs: 10_000, signal }).catch((error: unknown) => {
    throw isLabError(error) && error.code === "redis.wrong-password" ? sourcePassword(`${address}:${port}`, "wrong", user) : error;
  });
  try {
    await infoOf(client);
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

/** What an import has to know of its source. */
export interface Source {
  readonly client: RedisClient;
  readonly version: Version;
  /** It is a node of a cluster: keys of several slots can't be in one transaction. */
  readonly clustered: boolean;
  readonly databases: readonly SourceDatabase[];
}

/**
 * Looks at a source before anything is read from it.
 *
 * @param nodeIds instances of the cluster by node id
 * @throws LabError `cluster.source-password`, `cluster.source-is-cluster`, `cluster.source-is-member`, `cluster.source-is-sentinel`, `cluster.source-loading`,
 * `cluster.source-is-replica`, `cluster.bad-database`
 */
export async function inspectSource(client: RedisClient, nodeIds: ReadonlyMap<string, string>, options: ImportOptions): Promise<Source> {
  const info = await infoOf(client);
  const source = client.address;
  if (info.mode === "sentinel") throw sourceIsSentinel(source);
  if (info.loading) throw sourceLoading(source, "is loading its data from disk");
  if (info.syncing) throw sourceLoading(source, `is copying its data from its master ${info.masterHost}:${info.masterPort}`);
  if (info.masterLink === "down") throw sourceLoading(source, `has no link to its master ${info.masterHost}:${info.masterPort}`);
  const clustered = info.mode === "cluster";
  if (clustered) {
    const member = nodeIds.get(String(await client.call(["CLUSTER", "MYID"])));
    if (member !== undefined) throw sourceIsMember(source, member);
    if (options.clusterSource !== "this-node") throw sourceIsCluster(source);
  }
  if (options.mode === "move" && info.role === "replica") throw sourceIsReplica(source, `${info.masterHost}:${info.masterPort}`);
  return { client, version: info.version, clustered, databases: selectDatabases(keyspace(info.raw), options.databases) };
}

async function infoOf(client: RedisClient): Promise<ServerInfo> {
  try {
    return parseServerInfo(String(await client.call(["INFO"])));
  } catch (error) {
    if (!(error instanceof RedisReplyError)) throw error;
    throw error.code === "NOAUTH"
      ? sourcePassword(client.address, "none", undefined)
      : sourceRefuses(client.address, "INFO", error.message);
  }
}

/** Keys by database, as INFO tells: `db3` → `keys=2,expires=0,avg_ttl=0`. */
function keyspace(raw: Readonly<Record<string, string>>): ReadonlyMap<number, number> {
  return new Map(
    Object.entries(raw).flatMap(([name, value]): [number, number][] => {
      const database = /^db(\d+)$/.exec(name)?.[1];
      return database === undefined ? [] : [[Number(database), Number(/\bkeys=(\d+)/.exec(value)?.[1] ?? 0)]];
    }),
  );
}

/** Which databases are imported. One that is named and has no keys is most likely a mistake; database 0 may be empty. Pure. */
export function selectDatabases(
  keys: ReadonlyMap<number, number>,
  wanted: NonNullable<ImportOptions["databases"]> = [0],
): readonly SourceDatabase[] {
  const present = [...keys.keys()].sort((a, b) => a - b);
  const unknown = wanted === "all" ? undefined : wanted.find((each) => each !== 0 && !keys.has(each));
  if (unknown !== undefined) throw badDatabase(unknown, present);
  return present.map((database) => ({ database, keys: keys.get(database) ?? 0, imported: wanted === "all" || wanted.includes(database) }));
}
