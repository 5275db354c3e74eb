import { parseInfo } from "./info.ts";
import { pairsOf } from "./pairs.ts";
import { reportedVersion } from "./products.ts";
import type { RedisClient } from "./types.ts";
import type { Version } from "./version.ts";

// Commands whose words are Redis' own. Every one works in all lines of words.ts: the old words (SLAVEOF, min-slaves-to-write) are taken by newer versions too,
// the new ones are unknown to 4.0.

/** What a redis-server says of itself in one INFO. */
export interface ServerInfo {
  readonly version: Version;
  readonly mode: "standalone" | "cluster" | "sentinel";
  readonly role: "master" | "replica";
  readonly processId: number;
  readonly uptimeSeconds: number;
  /** Where it replicates from; undefined on a master. */
  readonly masterHost: string | undefined;
  readonly masterPort: number | undefined;
  readonly masterLink: "up" | "down" | undefined;
  /** A full synchronisation from its master is under way. */
  readonly syncing: boolean;
  /** It reads its data from disk and answers little else but INFO. */
  readonly loading: boolean;
  /** Replication offset in bytes: written so far on a master, processed so far on a replica. */
  readonly offset: number;
  readonly replicas: readonly ConnectedReplica[];
  /** Keys in all databases; while loading, those that were read so far. */
  readonly keys: number;
  /** All of INFO. */
  readonly raw: Readonly<Record<string, string>>;
}

/** A replica as its master sees it. */
export interface ConnectedReplica {
  readonly address: string;
  readonly port: number;
  /** `online` once it has the data set. */
  readonly state: string;
  /** Last acknowledged offset, in bytes; up to a second old. */
  readonly offset: number;
}

export async function readServerInfo(client: RedisClient): Promise<ServerInfo> {
  return parseServerInfo(String(await client.call(["INFO"])));
}

/** INFO, the parts that redis-lab looks at (genRedisInfoString in server.c). */
export function parseServerInfo(text: string): ServerInfo {
  const raw = parseInfo(text);
  const replica = raw["role"] === "slave";
  const mode = raw["redis_mode"];
  const keyspace = Object.entries(raw).filter(([key]) => /^db\d+$/.test(key));
  return {
    version: reportedVersion(raw),
    mode: mode === "cluster" || mode === "sentinel" ? mode : "standalone",
    role: replica ? "replica" : "master",
    processId: Number(raw["process_id"] ?? 0),
    uptimeSeconds: Number(raw["uptime_in_seconds"] ?? 0),
    masterHost: replica ? raw["master_host"] : undefined,
    masterPort: replica ? Number(raw["master_port"]) : undefined,
    masterLink: replica ? (raw["master_link_status"] === "up" ? "up" : "down") : undefined,
    syncing: raw["master_sync_in_progress"] === "1",
    loading: raw["loading"] === "1" || raw["async_loading"] === "1",
    offset: Number((replica ? raw["slave_repl_offset"] : raw["master_repl_offset"]) ?? 0),
    replicas: Object.entries(raw)
      .filter(([key]) => /^slave\d+$/.test(key))
      .map(([, value]) => {
        const of = fields(value);
        return { address: of["ip"] ?? "", port: Number(of["port"]), state: of["state"] ?? "", offset: Number(of["offset"] ?? 0) };
      }),
    keys: keyspace.reduce((sum, [, value]) => sum + Number(fields(value)["keys"] ?? 0), 0),
    raw,
  };
}

/** `ip=10.0.0.1,port=6379` as a record. */
function fields(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(text.split(",").map((field) => [field.slice(0, field.indexOf("=")), field.slice(field.indexOf("=") + 1)]));
}

/** Makes an instance the replica of a master (SLAVEOF); refused by an instance in cluster mode. */
export async function replicaOf(client: RedisClient, master: { readonly address: string; readonly port: number }): Promise<void> {
  await client.call(["SLAVEOF", master.address, master.port]);
}

/** Makes a replica a master, with the data that it has (SLAVEOF NO ONE). */
export async function stopReplicating(client: RedisClient): Promise<void> {
  await client.call(["SLAVEOF", "NO", "ONE"]);
}

/** A setting as it is in effect; undefined where the version does not know it. */
export async function configGet(client: RedisClient, name: string): Promise<string | undefined> {
  return pairsOf(await client.call(["CONFIG", "GET", name]))[name];
}

/** @throws RedisReplyError where it can't be changed at run time (`settable` of words.ts says so) or the value is wrong */
export async function configSet(client: RedisClient, name: string, value: string | number): Promise<void> {
  await client.call(["CONFIG", "SET", name, value]);
}

/** How many connected replicas a master asks for before it takes a write; 0 is none. A number above all replicas fences writes off. */
export async function minReplicasToWrite(client: RedisClient): Promise<number> {
  return Number((await configGet(client, "min-slaves-to-write")) ?? 0);
}

export async function setMinReplicasToWrite(client: RedisClient, replicas: number): Promise<void> {
  await configSet(client, "min-slaves-to-write", replicas);
}

/** Ends the connections of ordinary clients, this one excepted: they look for the master again. @returns how many */
export async function killClients(client: RedisClient): Promise<number> {
  return Number(await client.call(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]));
}

/** How long a disk may take for one file, in milliseconds. */
const REWRITE_TIMEOUT_MS = 60_000;

/**
 * Writes the settings and the role in effect into the server's file. The server answers nobody until the disk has it (fsync in rewriteConfigOverwriteFile of config.c in
 * 6.0.16, 6.2 and 7.0; 4.0 and 5.0 have none), seconds where the disk is busy.
 *
 * @throws RedisReplyError where the server has no file, or can't write it
 */
export async function rewriteConfig(client: RedisClient): Promise<void> {
  await client.call(["CONFIG", "REWRITE"], { timeoutMs: REWRITE_TIMEOUT_MS });
}
