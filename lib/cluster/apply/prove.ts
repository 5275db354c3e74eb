import { isLabError } from "../../base/error.ts";
import { type Attempt, waitFor } from "../../base/wait.ts";
import { RedisReplyError } from "../../redis/reply-error.ts";
import type { Argument, InstanceAccess, Reply } from "../../redis/types.ts";
import { proofFailed } from "../model/errors.ts";
import { observeCluster } from "../model/observe.ts";
import { eachSlot, keySlot } from "../model/slots.ts";
import { type LiveNode, ownSlots, readTopology } from "../model/topology.ts";
import type { ClusterMember } from "../model/types.ts";

/** One key that was written, read back and deleted. */
export interface ShardProof {
  /** The shard's master. */
  readonly master: string;
  readonly key: string;
  readonly slot: number;
  /** The instance that was asked first. */
  readonly entry: string;
  /** Instances to which MOVED led, in order; empty where the entry was the master. */
  readonly redirects: readonly string[];
  /** Of SET, GET and DEL with all redirects, in milliseconds. */
  readonly durationMs: number;
}

export interface ProveOptions {
  /** A number in [0, 1) for names of keys and the choice of entries. @default Math.random */
  readonly random?: () => number;
  /** How long a node may say that the cluster is down, in milliseconds. @default 60000 */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Redirections that one command may meet: a cluster that agrees needs one. */
const MAX_REDIRECTS = 5;
/**
 * After a partition a node may find the cluster down once more, when links that were open meanwhile turn out to be dead (half a node timeout, clusterCron in cluster.c of 4.0.14): that passes.
 */
const PATIENCE_MS = 60_000;
/** A key that a cut-off proof leaves behind is gone after this time, in seconds. */
const KEY_LIFETIME_S = 60;

/**
 * Proves that the cluster serves: per shard a random key is written through some other node, following MOVED, read back and deleted.
 *
 * @throws LabError `cluster.proof-failed`
 */
export async function proveCluster(
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: ProveOptions = {},
): Promise<ShardProof[]> {
  const random = options.random ?? Math.random;
  const topology = readTopology(await observeCluster(members, access), members);
  const cluster = topology.formed;
  const masters = cluster?.live.filter((node) => ownSlots(node).length > 0) ?? [];
  if (cluster === undefined || masters.length === 0) throw proofFailed("There is no formed cluster to write to.");
  const ask = (at: string, command: readonly Argument[]) => askPatiently(at, command, access, options);
  const run = (command: readonly Argument[], from: string) => follow(command, from, members, ask);
  return Promise.all(
    masters.map(async (master): Promise<ShardProof> => {
      const started = performance.now();
      const { key, slot } = keyFor(master, random);
      const others = cluster.live.filter((node) => node !== master);
      const entry = (others[Math.floor(random() * others.length)] ?? master).id;
      const value = `${Math.floor(random() * 2 ** 48)}`;
      const { path } = await run(["SET", key, value, "EX", KEY_LIFETIME_S], entry);
      const { reply } = await run(["GET", key], entry);
      if (reply !== value)
        throw proofFailed(
          `${key} was written to slot ${slot} and read back as ${JSON.stringify(reply)}.`,
          "An acknowledged write was not there.",
        );
      await run(["DEL", key], entry);
      return { master: master.id, key, slot, entry, redirects: path, durationMs: Math.round(performance.now() - started) };
    }),
  );
}

/** A random name whose slot is the master's. */
function keyFor(master: LiveNode, random: () => number): { key: string; slot: number } {
  const slots = new Set(eachSlot(ownSlots(master)));
  // On average 16384 / (slots of the master) tries; a master with a single slot is found in a moment too.
  for (let attempt = 0; attempt < 1_000_000; attempt += 1) {
    const key = `redis-lab:proof:${Math.floor(random() * 2 ** 48).toString(36)}:${attempt}`;
    const slot = keySlot(key);
    if (slots.has(slot)) return { key, slot };
  }
  throw proofFailed(`No key was found for the slots of ${master.id}.`);
}

/** Asks again for as long as the node says that the cluster is down, and patience lasts. */
async function askPatiently(
  at: string,
  command: readonly Argument[],
  access: InstanceAccess,
  { patienceMs = PATIENCE_MS, signal }: ProveOptions,
): Promise<Reply> {
  let down: RedisReplyError | undefined;
  const attempt = async (): Promise<Attempt<Reply>> => {
    try {
      return { done: true, value: await (await access.client(at)).call(command) };
    } catch (error) {
      if (!(error instanceof RedisReplyError) || error.code !== "CLUSTERDOWN") throw error;
      down = error;
      return { done: false, missing: error.message };
    }
  };
  try {
    return await waitFor(attempt, { what: `${at} to serve`, timeoutMs: patienceMs, intervalMs: 100, signal });
  } catch (error) {
    throw down !== undefined && isLabError(error) && error.code === "wait.timeout" ? down : error;
  }
}

/** Sends a command as a cluster client does: to the node that MOVED names. */
async function follow(
  command: readonly Argument[],
  entry: string,
  members: readonly ClusterMember[],
  ask: (at: string, command: readonly Argument[]) => Promise<Reply>,
): Promise<{ reply: Reply; path: string[] }> {
  const path: string[] = [];
  let at = entry;
  for (;;) {
    try {
      return { reply: await ask(at, command), path };
    } catch (error) {
      if (!(error instanceof RedisReplyError)) throw error;
      const name = String(command[0]);
      const moved = /^MOVED \d+ (?<address>\S+):(?<port>\d+)/.exec(error.message)?.groups;
      if (moved === undefined) throw proofFailed(`${at} answered ${name} with: ${error.message}`);
      const next = members.find(({ address, port }) => address === moved.address && port === Number(moved.port));
      if (next === undefined) {
        throw proofFailed(
          `${at} sends ${name} on to ${moved.address}:${moved.port}, which is not an instance of this lab.`,
          "A node of the cluster announces an address that is not declared.",
        );
      }
      path.push(next.id);
      at = next.id;
      if (path.length > MAX_REDIRECTS)
        throw proofFailed(`${name} was sent around: ${[entry, ...path].join(" → ")}.`, "The nodes do not agree who owns the slot.");
    }
  }
}
