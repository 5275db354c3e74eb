import { waitFor } from "../../base/wait.ts";
import { BATCH_BYTES, type Batch, type BatchLimits } from "./batches.ts";
import type { Throttle } from "./types.ts";

/** What batches are sent by. */
export interface Pace {
  /** What the next batch may hold. */
  readonly limits: BatchLimits;
  /** True where a batch may be sent now; it is counted then. */
  take(batch: Batch): boolean;
  /** What a batch waits for, for people. */
  reason(): string;
  /** Called with how long a batch took at the server, in milliseconds. */
  took(ms: number): void;
}

export interface PaceOptions {
  /** Most keys in one batch. */
  readonly pipeline: number;
  readonly throttle: Throttle | undefined;
  /** Milliseconds of a clock that never goes back. @default performance.now */
  readonly now?: () => number;
  /** What a PING to the servers takes now, in milliseconds. Needed for `maxLatencyMs`. */
  readonly latency?: (() => number) | undefined;
}

/** Keys of the first batch under a ceiling of latency. */
const FIRST_KEYS = 16;

/** A pace without throttle lets everything through; others make batches wait for their tokens, and shrink them until clients do not feel them. */
export function makePace({ pipeline, throttle = {}, now = () => performance.now(), latency = () => 0 }: PaceOptions): Pace {
  const { keysPerSecond, bytesPerSecond, maxLatencyMs } = throttle;
  const buckets = [
    ...(keysPerSecond === undefined ? [] : [makeBucket(keysPerSecond, now, ({ keys: sent }) => sent.length)]),
    ...(bytesPerSecond === undefined ? [] : [makeBucket(bytesPerSecond, now, ({ bytes }) => bytes)]),
  ];
  // A tenth of a second's worth at a time, so that the stream is even.
  const most: BatchLimits = { keys: tenth(keysPerSecond, pipeline), bytes: tenth(bytesPerSecond, BATCH_BYTES) };
  let keys = maxLatencyMs === undefined ? most.keys : Math.min(most.keys, FIRST_KEYS);
  const tooSlow = () => maxLatencyMs !== undefined && latency() > maxLatencyMs;
  return {
    get limits() {
      return { keys, bytes: Math.max(1, Math.floor((most.bytes * keys) / most.keys)) };
    },
    take(batch) {
      if (tooSlow() || !buckets.every((bucket) => bucket.has(batch))) return false;
      for (const bucket of buckets) bucket.take(batch);
      return true;
    },
    reason: () => (tooSlow() ? `a latency below ${maxLatencyMs} ms (it is ${latency().toFixed(1)} ms)` : "its turn"),
    took(ms) {
      if (maxLatencyMs === undefined) return;
      // The server serves nobody else while it migrates a batch, so a batch may take as long as a client may wait.
      const felt = Math.max(ms, latency());
      if (felt > maxLatencyMs * 0.8) keys = Math.max(1, Math.floor(keys / 2));
      else if (felt < maxLatencyMs * 0.5) keys = Math.min(most.keys, keys + Math.max(1, Math.floor(keys / 4)));
    },
  };
}

/** Longest wait for a throttle, in milliseconds: with less than one key in ten minutes nobody moves anything. */
const LONGEST_WAIT_MS = 600_000;

/** Tries until something may be sent. @param attempt undefined where it has to wait */
export function waitForPace<T>(pace: Pace, attempt: () => T | undefined, signal?: AbortSignal): Promise<T> {
  return waitFor(
    async () => {
      const value = attempt();
      return value === undefined ? { done: false, missing: pace.reason() } : { done: true, value };
    },
    { what: "the throttle", timeoutMs: LONGEST_WAIT_MS, intervalMs: 5, signal },
  );
}

function tenth(perSecond: number | undefined, most: number): number {
  return perSecond === undefined ? most : Math.min(most, Math.max(1, Math.floor(perSecond / 10)));
}

/** Fills at a rate, and may be overdrawn by one batch: a key larger than a tenth of a second's worth is sent, and paid for afterwards. */
function makeBucket(perSecond: number, now: () => number, amountOf: (batch: Batch) => number) {
  const full = perSecond / 10;
  let level = full;
  let at = now();
  return {
    has(batch: Batch): boolean {
      const moment = now();
      level = Math.min(full, level + ((moment - at) / 1000) * perSecond);
      at = moment;
      return level >= Math.min(amountOf(batch), full);
    },
    take(batch: Batch): void {
      level -= amountOf(batch);
    },
  };
}
