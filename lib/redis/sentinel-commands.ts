import { unreadableReply } from "./errors.ts";
import { pairsOf } from "./pairs.ts";
import { RedisReplyError } from "./reply-error.ts";
import type { RedisClient, Reply } from "./types.ts";

/** What all entries of SENTINEL MASTERS, SLAVES and SENTINELS have. Flags: `slave` is given as `replica`. */
export interface SentinelEntry {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Empty while the sentinel has not reached it. */
  readonly runId: string;
  readonly flags: ReadonlySet<string>;
  /** All pairs. */
  readonly raw: Readonly<Record<string, string>>;
}

/** A watched master. Times in milliseconds. */
export interface SentinelMaster extends SentinelEntry {
  readonly quorum: number;
  readonly downAfterMs: number;
  readonly failoverTimeoutMs: number;
  readonly parallelSyncs: number;
  readonly configEpoch: number;
  readonly replicaCount: number;
  readonly otherSentinelCount: number;
  /** State of a failover that this sentinel leads, for example `wait_promotion`; undefined when it leads none. */
  readonly failoverState: string | undefined;
}

export interface SentinelReplica extends SentinelEntry {
  readonly masterAddress: string;
  readonly masterPort: number;
  /** Link to its master as it said in its last INFO, up to 10 s old. */
  readonly masterLink: "up" | "down";
  readonly offset: number;
  readonly priority: number;
}

export async function sentinelMasters(client: RedisClient): Promise<SentinelMaster[]> {
  return list(await client.call(["SENTINEL", "MASTERS"])).map(masterOf);
}

/** One watched master; undefined when the sentinel does not watch the name. */
export async function sentinelMaster(client: RedisClient, name: string): Promise<SentinelMaster | undefined> {
  const reply = await ifWatched(client.call(["SENTINEL", "MASTER", name]));
  return reply === undefined ? undefined : masterOf(entryOf(reply));
}

/** The replicas of a master as this sentinel knows them; none when it does not watch the name. */
export async function sentinelReplicas(client: RedisClient, name: string): Promise<SentinelReplica[]> {
  const reply = await ifWatched(client.call(["SENTINEL", "SLAVES", name]));
  return list(reply ?? []).map((entry) => ({
    ...entry,
    masterAddress: entry.raw["master-host"] ?? "",
    masterPort: Number(entry.raw["master-port"] ?? 0),
    masterLink: entry.raw["master-link-status"] === "ok" ? "up" : "down",
    offset: Number(entry.raw["slave-repl-offset"] ?? 0),
    priority: Number(entry.raw["slave-priority"] ?? 100),
  }));
}

/** The other sentinels of a master as this one knows them. */
export async function sentinelPeers(client: RedisClient, name: string): Promise<SentinelEntry[]> {
  return list((await ifWatched(client.call(["SENTINEL", "SENTINELS", name]))) ?? []);
}

/** Where the master of a name is now; undefined when the sentinel does not watch it. */
export async function sentinelAddressOf(client: RedisClient, name: string): Promise<{ address: string; port: number } | undefined> {
  const reply = await client.call(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name]);
  return Array.isArray(reply) ? { address: String(reply[0]), port: Number(reply[1]) } : undefined;
}

/** Whether quorum and majority can be reached now, with the sentinel's own sentence. */
export async function sentinelCheckQuorum(client: RedisClient, name: string): Promise<{ readonly ok: boolean; readonly text: string }> {
  try {
    return { ok: true, text: String(await client.call(["SENTINEL", "CKQUORUM", name])) };
  } catch (error) {
    if (!(error instanceof RedisReplyError)) throw error;
    return { ok: false, text: error.message };
  }
}

/**
 * SENTINEL MONITOR. The password of the master has to be asked for in the same turn, so that both leave in one packet ({@link sentinelSetPassword}): a sentinel that connects in between does so without it,
 * and keeps that link for as long as the master answers it with errors (sentinelCheckSubjectivelyDown in sentinel.c of 4.0 and 5.0).
 *
 * @throws RedisReplyError
 */
export async function sentinelMonitor(
  client: RedisClient,
  name: string,
  master: { readonly address: string; readonly port: number },
  quorum: number,
): Promise<void> {
  await client.call(["SENTINEL", "MONITOR", name, master.address, master.port, quorum]);
}

export async function sentinelRemove(client: RedisClient, name: string): Promise<void> {
  await client.call(["SENTINEL", "REMOVE", name]);
}

/** Makes the sentinel forget all replicas and other sentinels of a name; it finds those that live within some seconds. The name is a pattern, and names hold none of its signs. */
export async function sentinelReset(client: RedisClient, name: string): Promise<void> {
  await client.call(["SENTINEL", "RESET", name]);
}

/** SENTINEL SET for one option; `quorum`, or one of `wordsOf(version).sentinel.settable`. Sentinel writes it to its file itself. */
export async function sentinelSet(client: RedisClient, name: string, option: string, value: string | number): Promise<void> {
  await client.call(["SENTINEL", "SET", name, option, value]);
}

/**
 * Gives a sentinel the password of a master. 4.0 publishes what is set (`+set`, sentinelSetCommand in sentinel.c), and any client may listen: so those who do are disconnected in the same turn, in which
 * none of them can be back. Clients that follow `+switch-master` connect again by themselves.
 *
 * @throws RedisReplyError
 */
export async function sentinelSetPassword(client: RedisClient, name: string, password: string): Promise<void> {
  const replies = await client.callAll([
    ["CLIENT", "KILL", "TYPE", "pubsub"],
    ["SENTINEL", "SET", name, "auth-pass", password],
  ]);
  const refused = replies.at(-1);
  if (refused instanceof RedisReplyError) throw refused;
}

/** Starts a failover without asking other sentinels. It does not fence the old master: acknowledged writes are lost unless the caller has done so. */
export async function sentinelFailover(client: RedisClient, name: string): Promise<void> {
  await client.call(["SENTINEL", "FAILOVER", name]);
}

async function ifWatched(reply: Promise<Reply>): Promise<Reply | undefined> {
  try {
    return await reply;
  } catch (error) {
    if (error instanceof RedisReplyError && /No such master/i.test(error.message)) return undefined;
    throw error;
  }
}

function list(reply: Reply): SentinelEntry[] {
  if (!Array.isArray(reply)) throw unreadableReply("SENTINEL's reply", String(reply));
  return reply.map(entryOf);
}

function entryOf(reply: Reply): SentinelEntry {
  const raw = pairsOf(reply);
  return {
    name: raw["name"] ?? "",
    address: raw["ip"] ?? "",
    port: Number(raw["port"] ?? 0),
    runId: raw["runid"] ?? "",
    flags: new Set((raw["flags"] ?? "").split(",").map((flag) => (flag === "slave" ? "replica" : flag))),
    raw,
  };
}

function masterOf(entry: SentinelEntry): SentinelMaster {
  const number = (key: string) => Number(entry.raw[key] ?? 0);
  return {
    ...entry,
    quorum: number("quorum"),
    downAfterMs: number("down-after-milliseconds"),
    failoverTimeoutMs: number("failover-timeout"),
    parallelSyncs: number("parallel-syncs"),
    configEpoch: number("config-epoch"),
    replicaCount: number("num-slaves"),
    otherSentinelCount: number("num-other-sentinels"),
    failoverState: entry.raw["failover-state"],
  };
}
