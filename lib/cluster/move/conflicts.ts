import { RedisReplyError } from "../../redis/reply-error.ts";
import type { Argument, BatchReply } from "../../redis/types.ts";
import { sameContent } from "../model/compare-values.ts";
import { sameBytes } from "../model/value.ts";
import { valuesDiffer } from "./errors.ts";
import type { MoveEnd, Quarantine, Quarantined } from "./types.ts";

/** How far two rests of a life may be apart and still be the same, in milliseconds: they are asked for one after the other. */
const TTL_TOLERANCE_MS = 2000;

/** A value as it is at one node. */
export interface Copy {
  readonly dump: Buffer;
  readonly ttlMs: number | undefined;
}

/**
 * Decides about keys that both ends of a move have: equal values are one value; of different ones the source's is kept, once the other is in quarantine.
 *
 * @returns how many values went into quarantine
 * @throws LabError `cluster.values-differ` without a quarantine
 */
export async function settleConflicts(
  slot: number,
  keys: readonly Buffer[],
  ends: { readonly source: MoveEnd; readonly target: MoveEnd },
  quarantine: Quarantine | undefined,
): Promise<number> {
  const { source, target } = ends;
  // One by one: two large values at a time are enough in this process.
  let kept = 0;
  for (const key of keys) {
    const [there, here] = await Promise.all([copyAt(key, target, true), copyAt(key, source, false)]);
    if (there === undefined || here === undefined) continue;
    if (await sameValue(key, { copy: there, end: target }, { copy: here, end: source })) continue;
    if (quarantine === undefined) throw valuesDiffer(slot, key, source.member.id, target.member.id);
    const lost: Quarantined = { slot, key, instance: target.member.id, ...there };
    await quarantine([lost]);
    kept += 1;
  }
  return kept;
}

/**
 * Whether a key has the same value and life at two nodes. Equal sets and hashes are dumped in the order of each server's own random seed, so what differs in bytes is compared by content.
 *
 * @param a asked with ASKING
 */
export async function sameValue(
  key: Buffer,
  a: { readonly copy: Copy; readonly end: MoveEnd },
  b: { readonly copy: Copy; readonly end: MoveEnd },
): Promise<boolean> {
  const [one, two] = [a.copy.ttlMs, b.copy.ttlMs];
  const lives = one !== undefined && two !== undefined ? Math.abs(one - two) <= TTL_TOLERANCE_MS : one === two;
  if (!lives) return false;
  return (
    sameBytes(a.copy.dump, b.copy.dump) || sameContent(key, { client: a.end.client, asking: true }, { client: b.end.client, asking: false })
  );
}

/** A key at a node; undefined where it is not there. A node answers for a slot that it imports only to who says ASKING. */
export async function copyAt(key: Buffer, { client }: MoveEnd, asking: boolean): Promise<Copy | undefined> {
  const before: readonly (readonly Argument[])[] = asking ? [["ASKING"]] : [];
  const replies = await client.callAll([...before, ["DUMP", key], ...before, ["PTTL", key]], { timeoutMs: DUMP_TIMEOUT_MS });
  const [dump, ttl] = asking ? [replies[1], replies[3]] : replies;
  // A source that migrates the slot sends who asks for a key that is gone to the target.
  if (dump instanceof RedisReplyError && dump.code === "ASK") return undefined;
  if (dump instanceof RedisReplyError) throw dump;
  return Buffer.isBuffer(dump) ? { dump, ttlMs: lifeOf(ttl) } : undefined;
}

/** A dump of half a GiB has to travel to here. */
const DUMP_TIMEOUT_MS = 120_000;

function lifeOf(reply: BatchReply | undefined): number | undefined {
  return typeof reply === "number" && reply >= 0 ? reply : undefined;
}
