import { isLabError, whatOf } from "../base/error.ts";
import { type Comparison, compareAll } from "../cluster/model/compare-values.ts";
import { keySlot } from "../cluster/model/slots.ts";
import { leftOf, payloadVersion, restoreWords, type Value } from "../cluster/model/value.ts";
import { timeoutFor } from "../cluster/move/batches.ts";
import { RedisReplyError } from "../redis/reply-error.ts";
import type { Argument, BatchReply, RedisClient } from "../redis/types.ts";
import type { Version } from "../redis/version.ts";
import { notTaken, sourceTooNew, targetRefuses } from "./errors.ts";
import { exchange } from "./exchange.ts";
import { verdictOf } from "./replies.ts";
import type { Master, MasterConnection, Routes } from "./routes.ts";
import type { KeyOutcome } from "./types.ts";

/** A key that is sent on more often waits until the masters agree. */
const MOST_HOPS = 4;

/** What was made of a value. */
export interface Delivered {
  readonly value: Value;
  readonly target: Master | undefined;
  readonly outcome: KeyOutcome;
}

export interface DeliverOptions {
  readonly routes: Routes;
  /** Where the values are from. */
  readonly source: { readonly client: RedisClient; readonly version: Version };
  readonly conflict: "keep" | "replace";
  /** Wait until a replica has them too, where there is one: the source is to delete them. */
  readonly safely: boolean;
  readonly recoveryMs: number;
  /** Waits until values may be sent. */
  readonly turn: (values: readonly Value[]) => Promise<void>;
  /** Ends a wait for the cluster. */
  readonly signal: AbortSignal | undefined;
}

/** A value that is to be sent, and how far it got. */
interface Parcel {
  readonly value: Value;
  readonly slot: number;
  /** What this import brought for the same key a moment ago: it may be overwritten. */
  readonly before: Value | undefined;
  /** Where a server sent it: to an importing master, which has to be asked with ASKING. */
  askingAt: Master | undefined;
  /** This import may have brought it: it was sent and no answer came, or no replica has it yet. */
  ours: boolean;
  /** How often it was sent on from one master to another since the cluster was looked at. */
  hops: number;
  /** Why it has to wait. */
  waits: string | undefined;
  outcome: Delivered | undefined;
}

/** Longest silence of a master, in milliseconds, beyond what large values take. */
const TIMEOUT_MS = 60_000;
/** Longest wait for a replica to have what was sent, in milliseconds; then the cluster is looked at again. */
const REPLICA_MS = 5000;

/**
 * Brings values to the masters of their slots, pipelined, and each until it is acknowledged: redirections are followed, and what meets a master that fails is sent again to
 * the master that comes after it.
 *
 * @param before what this import brought for the same keys a moment ago, by place
 * @throws LabError `cluster.not-taken`, `cluster.source-too-new`, `cluster.target-refuses`
 */
export async function deliver(
  values: readonly Value[],
  options: DeliverOptions,
  before: readonly (Value | undefined)[] = [],
): Promise<readonly Delivered[]> {
  await options.turn(values);
  const parcels = values.map(
    (value, index): Parcel => ({
      value,
      slot: keySlot(value.key),
      before: before[index],
      askingAt: undefined,
      ours: false,
      hops: 0,
      waits: undefined,
      outcome: undefined,
    }),
  );
  let progress = performance.now();
  for (let open = parcels; open.length > 0; ) {
    const groups = new Map<string, { readonly master: Master; readonly parcels: Parcel[] }>();
    for (const parcel of open) {
      parcel.waits = undefined;
      const master = parcel.askingAt ?? options.routes.ownerOf(parcel.slot);
      if (master === undefined) {
        parcel.waits = `slot ${parcel.slot} has no master`;
        continue;
      }
      const group = groups.get(master.member.id) ?? { master, parcels: [] };
      groups.set(master.member.id, group);
      group.parcels.push(parcel);
    }
    await Promise.all([...groups.values()].map(({ master, parcels: group }) => sendGroup(master, group, options)));
    const left = open.filter(({ outcome }) => outcome === undefined);
    if (left.length < open.length) progress = performance.now();
    const why = left.find(({ waits }) => waits !== undefined)?.waits;
    const ms = options.recoveryMs - (performance.now() - progress);
    if (left.length > 0 && ms <= 0) throw notTaken(left.length, why ?? "they were sent from one to the other", options.recoveryMs / 1000);
    if (why !== undefined) await options.routes.look(ms, options.signal);
    open = left;
  }
  return parcels.flatMap(({ outcome }) => outcome ?? []);
}

async function sendGroup(master: Master, group: readonly Parcel[], options: DeliverOptions): Promise<void> {
  const { routes, conflict, safely } = options;
  try {
    const connection = await routes.connectionTo(master);
    const sendable = group.filter((parcel) => isSendable(parcel, master, connection));
    const commands = sendable.map((parcel): (readonly Argument[])[] => [
      ...(parcel.askingAt === undefined ? [] : [["ASKING"]]),
      restoreWords(parcel.value, conflict === "replace"),
    ]);
    const wait = safely && master.replicated && sendable.length > 0 ? [["WAIT", 1, REPLICA_MS]] : [];
    const before = sendable.map(({ ours }) => ours);
    for (const parcel of sendable) parcel.ours = true;
    const bytes = sendable.reduce((sum, { value }) => sum + value.dump.length, 0);
    const replies = await connection.client.callAll([...commands.flat(), ...wait], {
      timeoutMs: timeoutFor(bytes, TIMEOUT_MS) + REPLICA_MS,
    });
    const acknowledged = wait.length === 0 || isAcknowledged(replies.at(-1));
    const busy: Parcel[] = [];
    let at = 0;
    for (const [index, parcel] of sendable.entries()) {
      at += commands[index]?.length ?? 0;
      const reply = replies[at - 1];
      parcel.ours = before[index] === true || !(reply instanceof RedisReplyError);
      if (settle(parcel, reply, { master, acknowledged }, options)) busy.push(parcel);
    }
    const asked = busy.map(({ value, askingAt }) => ({ value, asking: askingAt !== undefined }));
    const found = await compareAll(asked, options.source.client, connection.client);
    for (const [index, parcel] of busy.entries()) await settleBusy(parcel, found[index], { master, connection, acknowledged });
  } catch (error) {
    if (!isLabError(error) || !error.code.startsWith("redis.")) throw error;
    // Replies that the connection still delivers belong to no request.
    routes.drop(master);
    for (const parcel of group) if (parcel.outcome === undefined) postpone(parcel, whatOf(error));
  }
}

/** False for a value that is decided without sending it. */
function isSendable(parcel: Parcel, master: Master, { largest }: MasterConnection): boolean {
  const { dump } = parcel.value;
  if (dump.length > largest) {
    const why = `its value is ${dump.length} bytes long on its way, and ${master.member.id} takes ${largest} at most (proto-max-bulk-len)`;
    ends(parcel, master, { kind: "refused", why });
  } else if (leftOf(parcel.value) === undefined) ends(parcel, master, { kind: "gone" });
  return parcel.outcome === undefined;
}

function isAcknowledged(reply: BatchReply | undefined): boolean {
  return typeof reply === "number" && reply > 0;
}

/** Decides by the reply to RESTORE. @returns true where the cluster has the key already, and the values decide */
function settle(
  parcel: Parcel,
  reply: BatchReply | undefined,
  { master, acknowledged }: { readonly master: Master; readonly acknowledged: boolean },
  { routes, source }: DeliverOptions,
): boolean {
  const { value, slot } = parcel;
  const { id } = master.member;
  if (!(reply instanceof RedisReplyError)) {
    if (acknowledged) ends(parcel, master, { kind: "imported" });
    else postpone(parcel, `no replica of ${id} has it yet`);
    return false;
  }
  const verdict = verdictOf(reply.message);
  const named = "address" in verdict ? routes.at(verdict.address, verdict.port) : undefined;
  switch (verdict.kind) {
    case "busy":
      return true;
    case "moved":
      parcel.askingAt = undefined;
      parcel.hops += 1;
      if (named === undefined || named === master || parcel.hops > MOST_HOPS) postpone(parcel, `${id} answered: ${reply.message}`);
      else routes.learn(slot, named);
      return false;
    case "ask":
      parcel.askingAt = named;
      if (named === undefined) postpone(parcel, `${id} answered: ${reply.message}`);
      return false;
    case "passing":
      postpone(parcel, `${id} answered: ${reply.message}`);
      return false;
    case "refused":
      ends(parcel, master, { kind: "refused", why: `${id} answered: ${reply.message}` });
      return false;
    case "unreadable":
      throw sourceTooNew({
        source: source.client.address,
        version: source.version,
        rdbVersion: payloadVersion(value.dump),
        instance: id,
        instanceVersion: master.version,
      });
    case "stops":
      throw targetRefuses(id, reply.message);
    default:
      return verdict satisfies never;
  }
}

interface Sending {
  readonly master: Master;
  readonly connection: MasterConnection;
  /** A replica has what was sent, where that was asked for. */
  readonly acknowledged: boolean;
}

/** Decides about a key that the cluster has already. */
async function settleBusy(parcel: Parcel, found: Comparison | undefined, { master, connection, acknowledged }: Sending): Promise<void> {
  const { value, before, askingAt } = parcel;
  const { id } = master.member;
  if (found === undefined || found.kind === "absent") return; // deleted since: it is sent again
  if (found.kind === "elsewhere") return postpone(parcel, `${id} answered: ${found.why}`);
  if (found.kind === "same") {
    if (!acknowledged) return postpone(parcel, `no replica of ${id} has it yet`);
    return ends(parcel, master, { kind: parcel.ours || before !== undefined ? "imported" : "same" });
  }
  // ASKING has no effect on what is queued in a transaction. What was exchanged is sent once more, and found equal: so that a replica has it as well.
  if (before !== undefined && askingAt === undefined && (await exchange(before, value, connection.client))) return;
  ends(parcel, master, { kind: "conflict", why: `${id} has ${found.in === "value" ? "another value" : "another rest of its life"}` });
}

function ends(parcel: Parcel, target: Master, outcome: KeyOutcome): void {
  parcel.outcome = { value: parcel.value, target, outcome };
}

function postpone(parcel: Parcel, why: string): void {
  parcel.askingAt = undefined;
  parcel.hops = 0;
  parcel.waits = why;
}
