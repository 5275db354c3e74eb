import { configGet, rewriteConfig, setMinReplicasToWrite } from "./commands.ts";
import { RedisReplyError } from "./reply-error.ts";
import type { RedisClient } from "./types.ts";
import type { Version } from "./version.ts";
import { wordsOf } from "./words.ts";

/**
 * The fence of a planned failover: a master that asks for more replicas than it can have refuses every write with NOREPLICAS (processCommand in server.c of 4.0.14).
 * The number that it asked for before is part of the fence, so that a run which finds one left behind can put the setting back without any record of it.
 *
 * Not fenced by Redis before 7.0: writes of scripts, and a transaction queued before the fence and executed after it, since EVAL and EXEC are not write commands there.
 */
const FENCE = 990_000;
const LARGEST_SETTING = 9_999;

/** The number of replicas that a fenced server asked for before; undefined for one that is not fenced. */
export function fencedFrom(minReplicas: number): number | undefined {
  const before = minReplicas - FENCE;
  return before >= 0 && before <= LARGEST_SETTING ? before : undefined;
}

/** Refuses writes from now on: the write that was acknowledged last is in the offset that the master reports after this. */
export async function raiseFence(client: RedisClient, minReplicasBefore: number): Promise<void> {
  await setMinReplicasToWrite(client, FENCE + Math.min(minReplicasBefore, LARGEST_SETTING));
}

/** Puts the setting back, in the file too: a CONFIG REWRITE by a sentinel may have written the fence there. */
export async function lowerFence(client: RedisClient, minReplicas: number): Promise<void> {
  await setMinReplicasToWrite(client, minReplicas);
  await rewriteConfig(client).catch((error: unknown) => {
    // Nobody can write this file, so the fence is not in it either.
    if (!(error instanceof RedisReplyError)) throw error;
  });
}

/** A server that allows its replicas any lag (0 s) counts all of them as good and none as missing, so that a number of replicas fences nothing. */
export async function canFence(client: RedisClient, version: Version): Promise<boolean> {
  const name = "min-replicas-max-lag";
  return (await configGet(client, wordsOf(version).instead(name) ?? name)) !== "0";
}
