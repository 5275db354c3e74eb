import { RedisReplyError } from "../../redis/reply-error.ts";
import type { Argument, BatchReply, Credentials } from "../../redis/types.ts";
import { BATCH_BYTES, type Batch, type BatchLimits, nextBatch, timeoutFor, travelMs } from "./batches.ts";
import { migrateRefused, orphansAtTarget, valueTooLarge } from "./errors.ts";
import { migrateWords } from "./migrate.ts";
import { troubleOf } from "./replies.ts";
import type { SlotOutcome } from "./types.ts";

/** What the journeys of a pair have in common. */
export interface Route {
  readonly source: { readonly id: string; readonly nodeId: string };
  readonly target: { readonly id: string; readonly nodeId: string; readonly address: string; readonly port: number };
  /** How the source gets into the target; undefined where that asks for nothing. */
  readonly credentials: Credentials | undefined;
  /** Largest value that the target takes (proto-max-bulk-len), in bytes. */
  readonly largestValue: number;
  /** Of one MIGRATE, in milliseconds. */
  readonly timeoutMs: number;
}

/** How a slot stands before it is moved. */
export interface SlotStart {
  readonly slot: number;
  /** It was opened before: what is at the target belongs there. */
  readonly opened: boolean;
  /** Not by this run, or for another source that failed meanwhile: what is at the target need not be a copy of what the source has, and may be newer. It is compared before it is overwritten. */
  readonly foreign: boolean;
  /** A MIGRATE of this run may have left keys at both ends: the source's value is the newer one. Of no meaning where `foreign`. */
  readonly halfSent: boolean;
}

/** Where a slot is on its way, in this order. `list`, `size` and `weigh` are for slots with much in them, `busy` for keys that both ends have. */
export type Phase =
  | "survey"
  | "list"
  | "size"
  | "weigh"
  | "import"
  | "migrate"
  | "send"
  | "busy"
  | "close-target"
  | "close-source"
  | "tell"
  | "ended";

/** One slot on its way. */
export interface Journey extends SlotStart {
  readonly phase: Phase;
  /** How many keys the slot had before it was opened, where they fit into one batch: then nobody needs the size of each. */
  readonly small: number;
  /** The page of keys that is sent now. */
  readonly page: readonly Buffer[];
  /** What each of them takes in memory, in bytes; empty where they fit into one batch. */
  readonly sizes: readonly number[];
  /** What a key takes where nobody asked for the size of each, in bytes. */
  readonly average: number;
  /** How many of them have arrived. */
  readonly at: number;
  /** Up to which key of the page MIGRATE may overwrite what is at the target: these were compared, or are copies that this journey sent. */
  readonly cleared: number;
  /** How often the present batch was sent. */
  readonly attempt: number;
  /** It may be open on the servers. */
  readonly isOpen: boolean;
  /** Both ends were sent the owner in this journey. */
  readonly entered: boolean;
  readonly keys: number;
  readonly bytes: number;
  readonly outcome: SlotOutcome | undefined;
}

/** What the next phase asks of whom; answers come back in the same order: source, target, then nothing of the others. */
export interface Questions {
  readonly source: readonly (readonly Argument[])[];
  readonly target: readonly (readonly Argument[])[];
  readonly others: readonly (readonly Argument[])[];
  /** Longest time that the servers may take beyond what queues before, in milliseconds. */
  readonly timeoutMs: number;
  /** How long a server is silent over one of them at the most, in milliseconds. @default 0 */
  readonly worksMs?: number;
}

/** Keys that are asked for at once. */
export const PAGE = 512;
/** MIGRATE that came to nothing (IOERR) is tried again this often before the cluster is looked at again. */
const TRIES = 3;
/** What is in a slot, without its keys on the way: how many (up to a page), what they take together, and what the largest takes. */
const SUMMARY =
  "local keys, sum, most = redis.call('CLUSTER', 'GETKEYSINSLOT', ARGV[1], ARGV[2]), 0, 0 for _, key in ipairs(keys) do local size = redis.call('MEMORY', 'USAGE', key) or 0 sum = sum + size most = math.max(most, size) end return {#keys, sum, most}";
/** One command for all keys of a page. */
const SIZES = "local sizes = {} for i, key in ipairs(KEYS) do sizes[i] = redis.call('MEMORY', 'USAGE', key) or 0 end return sizes";
/** How long a value is on its way; a script spares sending it here. */
const LENGTH = "return #(redis.call('DUMP', KEYS[1]) or '')";

export function beginJourney({ slot, opened, foreign, halfSent }: SlotStart): Journey {
  return {
    slot,
    opened,
    foreign,
    halfSent: halfSent && !foreign,
    phase: "survey",
    small: 0,
    page: [],
    sizes: [],
    average: 0,
    at: 0,
    cleared: 0,
    attempt: 0,
    isOpen: opened,
    entered: false,
    keys: 0,
    bytes: 0,
    outcome: undefined,
  };
}

/**
 * The commands of the present phase. The order of phases is the one of the cluster specification: importing at the target, migrating at the source, the keys, then the new owner
 * sent to target, source and the others: ended after any command, no slot is without an owner (issue 7116 of redis). Keys are sized before the slot is opened, so that a value
 * that the target would refuse stops it while nothing is touched. Pure.
 */
export function questionsOf(journey: Journey, route: Route, limits: BatchLimits): Questions {
  const { slot, phase, page } = journey;
  const { source, target } = route;
  const ofSource = (...commands: Questions["source"]): Questions => ({ source: commands, target: NONE, others: NONE, timeoutMs: 0 });
  const ofTarget = (...commands: Questions["source"]): Questions => ({ source: NONE, target: commands, others: NONE, timeoutMs: 0 });
  switch (phase) {
    case "survey":
      return { source: [["EVAL", SUMMARY, 0, slot, PAGE]], target: [["CLUSTER", "COUNTKEYSINSLOT", slot]], others: NONE, timeoutMs: 0 };
    case "list":
      return ofSource(getKeys(slot));
    case "size":
      return ofSource(["EVAL", SIZES, page.length, ...page]);
    case "weigh":
      return ofSource(...large(journey, route).map((key) => ["EVAL", LENGTH, 1, key]));
    case "import":
      // A target that imports the slot already does not hear of a new owner by gossip (clusterUpdateSlotsConfigWith in cluster.c): after a failover of the source it would
      // take the slot for one of a failed master, and the whole cluster for down.
      return ofTarget(...(journey.opened ? [ownerIs(slot, source.nodeId)] : []), ["CLUSTER", "SETSLOT", slot, "IMPORTING", source.nodeId]);
    case "migrate":
      return ofSource(["CLUSTER", "SETSLOT", slot, "MIGRATING", target.nodeId], ...(page.length === 0 ? [getKeys(slot)] : []));
    case "send": {
      const { keys, bytes } = batchOf(journey, limits);
      const timeoutMs = timeoutFor(bytes, route.timeoutMs);
      const words = migrateWords(keys, { target, credentials: route.credentials, timeoutMs, replace: mayOverwrite(journey) });
      // What is left is asked for in the same breath.
      const last = journey.at + keys.length >= page.length;
      return {
        source: last ? [words, getKeys(slot)] : [words],
        target: NONE,
        others: NONE,
        timeoutMs: 2 * timeoutMs,
        worksMs: travelMs(bytes),
      };
    }
    case "close-target":
      return ofTarget(ownerIs(slot, target.nodeId));
    case "close-source":
      return ofSource(ownerIs(slot, target.nodeId));
    case "tell":
      return { source: NONE, target: NONE, others: [ownerIs(slot, target.nodeId)], timeoutMs: 0 };
    case "busy":
    case "ended":
      return { source: NONE, target: NONE, others: NONE, timeoutMs: 0 };
    default:
      return phase satisfies never;
  }
}

/** The same journey after its questions were answered. Pure. */
export function answered(
  journey: Journey,
  route: Route,
  limits: BatchLimits,
  replies: { readonly source: readonly BatchReply[]; readonly target: readonly BatchReply[] },
): Journey {
  const { slot, page } = journey;
  const [first, second] = replies.source;
  switch (journey.phase) {
    case "survey": {
      const [foreign] = replies.target;
      if (!journey.opened && typeof foreign === "number" && foreign > 0)
        return refused(journey, orphansAtTarget(slot, foreign, route.target.id, route.source.id));
      return surveyed(journey, first, route);
    }
    case "list":
      return withPage(journey, first);
    case "size":
      return weighed({ ...journey, sizes: sizesFrom(first) }, route);
    case "weigh": {
      const heavy = large(journey, route)
        .map((key, index) => ({ key, length: Number(replies.source[index]) || 0 }))
        .find(({ length }) => length > route.largestValue);
      return heavy === undefined
        ? { ...journey, phase: afterSizing(journey) }
        : refused(journey, valueTooLarge(slot, heavy.key, heavy.length, route.largestValue, route.target.id));
    }
    case "import":
      return afterSetSlot(journey, worst(replies.target), route.target.id, { ...journey, phase: "migrate", isOpen: true });
    case "migrate": {
      const open = afterSetSlot(journey, first, route.source.id, { ...journey, phase: "send", entered: true });
      return open.phase === "ended" || page.length > 0 ? open : withPage(open, second);
    }
    case "send":
      return afterMigrate(journey, batchOf(journey, limits), first, second, route);
    case "close-target":
      return afterSetSlot(journey, replies.target[0], route.target.id, { ...journey, phase: "close-source" });
    case "close-source":
      // A source that gave its last slot away may have become a replica by now (issue 9223 of redis); it hears of the owner as all do.
      return first instanceof RedisReplyError && /only with masters/i.test(first.message)
        ? { ...journey, phase: "tell" }
        : afterSetSlot(journey, first, route.source.id, { ...journey, phase: "tell" });
    case "tell":
      return { ...journey, phase: "ended", isOpen: false, outcome: { kind: "moved", keys: journey.keys, bytes: journey.bytes } };
    case "busy":
    case "ended":
      return journey;
    default:
      return journey.phase satisfies never;
  }
}

/** The same journey once the conflicts of so many keys are settled: the source's values of these, and of no others, may be sent over those of the target. */
export function settled(journey: Journey, keys: number): Journey {
  return { ...journey, phase: "send", cleared: journey.at + keys };
}

/** What is sent next. Keys that may overwrite travel without others: the limits may have grown since they were compared. */
export function batchOf(journey: Journey, limits: BatchLimits): Batch {
  const { page, sizes, average, at, cleared } = journey;
  const together = !journey.halfSent && cleared > at ? page.slice(0, cleared) : page;
  return nextBatch(together, (index) => sizes[index] ?? average, at, limits);
}

function mayOverwrite({ halfSent, cleared, at }: Journey): boolean {
  return halfSent || cleared > at;
}

export function refused(journey: Journey, error: Error): Journey {
  return { ...journey, phase: "ended", outcome: { kind: "refused", error, open: journey.isOpen } };
}

/** @param halfSent @default where a MIGRATE got no answer that says what became of it */
export function interrupted(journey: Journey, why: string, halfSent = journey.halfSent || journey.attempt > 0): Journey {
  return { ...journey, phase: "ended", outcome: { kind: "interrupted", why, halfSent } };
}

/** The first refusal, or the last reply. */
function worst(replies: readonly BatchReply[]): BatchReply | undefined {
  return replies.find((reply) => reply instanceof RedisReplyError) ?? replies.at(-1);
}

function afterSetSlot(journey: Journey, reply: BatchReply | undefined, instance: string, next: Journey): Journey {
  if (!(reply instanceof RedisReplyError)) return next;
  return troubleOf(reply.message) === "lasting"
    ? refused(journey, migrateRefused("CLUSTER SETSLOT", instance, reply.message))
    : interrupted(journey, `${instance} answered CLUSTER SETSLOT with: ${reply.message}`);
}

function afterMigrate(
  journey: Journey,
  batch: Batch,
  reply: BatchReply | undefined,
  rest: BatchReply | undefined,
  { source, target }: Route,
): Journey {
  if (!(reply instanceof RedisReplyError)) {
    const at = journey.at + batch.keys.length;
    const sent: Journey = { ...journey, at, keys: journey.keys + batch.keys.length, bytes: journey.bytes + batch.bytes, attempt: 0 };
    return at < journey.page.length ? sent : withPage(sent, rest);
  }
  switch (troubleOf(reply.message)) {
    case "busy-key":
      return { ...journey, phase: "busy" };
    case "unknown": {
      if (journey.attempt + 1 >= TRIES) return interrupted(journey, `${source.id} can't send to ${target.id}: ${reply.message}`, true);
      // Nothing may have been sent at all. What the target has of a slot that was empty there is a copy that was sent now, and the source, which goes on serving it, has the newer value. Elsewhere the keys are sent again as
      // before, and what the target has by then is compared (BUSYKEY).
      const ours = journey.foreign ? journey.cleared : journey.at + batch.keys.length;
      return { ...journey, attempt: journey.attempt + 1, cleared: Math.max(journey.cleared, ours) };
    }
    case "passing":
    case "roles-changed":
      return interrupted(journey, `${source.id} answered MIGRATE with: ${reply.message}`);
    case "lasting":
      return refused(journey, migrateRefused("MIGRATE", source.id, reply.message));
  }
}

/** Few keys that are small need no sizes; of others each is sized before the slot is opened. A script may be refused: then they are sized as well. */
function surveyed(journey: Journey, reply: BatchReply | undefined, { largestValue }: Route): Journey {
  const [count, sum, most] = Array.isArray(reply) ? reply.map(Number) : [];
  if (count === undefined || sum === undefined || most === undefined) return { ...journey, phase: "list" };
  if (count === 0) return { ...journey, phase: "import" };
  const simple = count < PAGE && sum <= BATCH_BYTES && most < largestValue / 2;
  return simple ? { ...journey, small: count, average: sum / count, phase: "import" } : { ...journey, phase: "list" };
}

/** A new page of keys. One that has no more keys than the slot had when they were few and small goes as it is. */
function withPage(journey: Journey, reply: BatchReply | undefined): Journey {
  // Without a list a slot must not count as empty: it would be given away with its keys.
  if (!Array.isArray(reply)) return interrupted(journey, `the keys of slot ${journey.slot} were not given: ${reply}`);
  const page = reply as readonly Buffer[];
  const phase: Phase = page.length === 0 ? (journey.entered ? "close-target" : "import") : page.length <= journey.small ? "send" : "size";
  return { ...journey, page, sizes: [], at: 0, cleared: 0, phase };
}

/** In an open slot a script is refused as soon as one of its keys is gone; the page is then sent without sizes, which MIGRATE takes as well. */
function sizesFrom(reply: BatchReply | undefined): readonly number[] {
  return Array.isArray(reply) ? reply.map((size) => Number(size) || 0) : [];
}

function weighed(journey: Journey, route: Route): Journey {
  return { ...journey, phase: large(journey, route).length > 0 ? "weigh" : afterSizing(journey) };
}

/** The first page is sized before the slot is opened. */
function afterSizing({ entered }: Journey): Phase {
  return entered ? "send" : "import";
}

/** Values of which MEMORY USAGE, an estimate, does not tell for sure that they fit. */
function large({ page, sizes }: Journey, { largestValue }: Route): readonly Buffer[] {
  return page.filter((_, index) => (sizes[index] ?? 0) >= largestValue / 2);
}

function getKeys(slot: number): readonly Argument[] {
  return ["CLUSTER", "GETKEYSINSLOT", slot, PAGE];
}

function ownerIs(slot: number, nodeId: string): readonly Argument[] {
  return ["CLUSTER", "SETSLOT", slot, "NODE", nodeId];
}

const NONE: Questions["source"] = [];
