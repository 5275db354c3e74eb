import { waitFor } from "../../base/wait.ts";
import { RedisReplyError } from "../../redis/reply-error.ts";
import type { Argument, BatchReply } from "../../redis/types.ts";
import { type Copy, copyAt, sameValue } from "./conflicts.ts";
import { migrateRefused, valuesDiffer } from "./errors.ts";
import { migrateWords } from "./migrate.ts";
import { troubleOf } from "./replies.ts";
import type { MoveEnd, Quarantine } from "./types.ts";

export interface GatherOptions {
  /** Of one MIGRATE, in milliseconds. @default 60000 */
  readonly timeoutMs?: number | undefined;
  /** Where values go that the owner has otherwise. Without it a difference is an error. */
  readonly quarantine: Quarantine | undefined;
  readonly onKeys?: (count: number) => void;
  /** Longest wait for servers that can't send or take keys now, in milliseconds. @default 60000 */
  readonly recoveryMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Gathered {
  readonly keys: number;
  readonly quarantined: number;
}

/** Keys that are asked for at once. */
const PAGE = 256;
const TIMEOUT_MS = 60_000;

/**
 * Brings the keys of a slot from a master that does not own it to the one that does. Where both have a key the owner's value is kept: it is the one that clients see; the other is in
 * quarantine before it is deleted, unless it is the same. Ended at any time it can be run again.
 *
 * @throws LabError `cluster.values-differ` without a quarantine, `cluster.move-refused`, `wait.timeout`
 */
export async function gatherKeys(slot: number, source: MoveEnd, owner: MoveEnd, options: GatherOptions): Promise<Gathered> {
  // MIGRATE and DEL work on a slot of another node only where it is open.
  await must(source, ["CLUSTER", "SETSLOT", slot, "IMPORTING", owner.nodeId]);
  let keys = 0;
  let quarantined = 0;
  for (;;) {
    const [page] = await source.client.callAll([["CLUSTER", "GETKEYSINSLOT", slot, PAGE]], { timeoutMs: TIMEOUT_MS });
    const found = Array.isArray(page) ? page.filter((key: BatchReply): key is Buffer => Buffer.isBuffer(key)) : [];
    if (found.length === 0) return { keys, quarantined };
    const one = await sent(found, source, owner, options);
    if (!one) for (const key of found) if (await gatherKey(slot, key, source, owner, options)) quarantined += 1;
    keys += found.length;
    options.onKeys?.(found.length);
  }
}

/** True where all have arrived, false where the owner has one of them already. Right after a failover a server may refuse for a moment. */
async function sent(keys: readonly Buffer[], source: MoveEnd, owner: MoveEnd, options: GatherOptions): Promise<boolean> {
  const { timeoutMs = TIMEOUT_MS, recoveryMs = TIMEOUT_MS, signal } = options;
  const words = migrateWords(keys, { target: owner.member, credentials: owner.client.credentials, timeoutMs, replace: false });
  return waitFor(
    async () => {
      const [reply] = await source.client.callAll([words], { timeoutMs: 2 * timeoutMs + TIMEOUT_MS });
      if (!(reply instanceof RedisReplyError)) return { done: true, value: true };
      switch (troubleOf(reply.message)) {
        case "busy-key":
          return { done: true, value: false };
        case "passing":
        case "unknown":
          return { done: false, missing: `${source.member.id} sending to ${owner.member.id} (${reply.message})` };
        default:
          throw migrateRefused("MIGRATE", source.member.id, reply.message);
      }
    },
    { what: "keys to arrive", timeoutMs: recoveryMs, signal },
  );
}

/** @returns true where the value went into quarantine */
async function gatherKey(slot: number, key: Buffer, source: MoveEnd, owner: MoveEnd, options: GatherOptions): Promise<boolean> {
  if (await sent([key], source, owner, options)) return false;
  const [here, there] = await Promise.all([copyAt(key, source, true), copyAt(key, owner, false)]);
  const differs =
    here !== undefined && there !== undefined && !(await sameValue(key, { copy: here, end: source }, { copy: there, end: owner }));
  if (differs) await keep({ slot, key, source, owner, copy: here, quarantine: options.quarantine });
  if (there !== undefined) await must(source, ["DEL", key], true);
  return differs;
}

async function keep({
  slot,
  key,
  source,
  owner,
  copy,
  quarantine,
}: {
  slot: number;
  key: Buffer;
  source: MoveEnd;
  owner: MoveEnd;
  copy: Copy;
  quarantine: Quarantine | undefined;
}): Promise<void> {
  if (quarantine === undefined) throw valuesDiffer(slot, key, owner.member.id, source.member.id);
  await quarantine([{ slot, key, instance: source.member.id, ...copy }]);
}

async function must({ client, member }: MoveEnd, command: readonly Argument[], asking = false): Promise<void> {
  const replies = await client.callAll(asking ? [["ASKING"], command] : [command], { timeoutMs: TIMEOUT_MS });
  const reply = replies.at(-1);
  if (reply instanceof RedisReplyError) throw migrateRefused(command.slice(0, 2).map(String).join(" "), member.id, reply.message);
}
