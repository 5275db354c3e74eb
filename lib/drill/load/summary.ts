import type { Gap } from "./gaps.ts";
import type { LatencySummary } from "./latencies.ts";

/** What became of operations. */
export interface Counts {
  readonly acknowledged: number;
  /** Not done for certain. */
  readonly failed: number;
  /** Of these, those that were never sent: their shard had no writer free, or the load ended before. */
  readonly notSent: number;
  /** Maybe done: no answer came, or fewer replicas than `wait` have it. */
  readonly unknown: number;
}

/** One value for each second of the load, the first one from its beginning. Latencies in milliseconds. */
export interface Series {
  readonly acknowledged: readonly number[];
  readonly failed: readonly number[];
  readonly unknown: readonly number[];
  readonly p50: readonly number[];
  readonly p99: readonly number[];
  readonly max: readonly number[];
}

/** The reads, or the writes, of a shard. */
export interface SideSummary extends Counts {
  readonly latency: LatencySummary;
  readonly series: Series;
  /** How often operations failed between two acknowledgements; `gaps` are the longest of these times. */
  readonly gapCount: number;
  readonly gaps: readonly Gap[];
}

export interface ShardSummary {
  readonly shard: string;
  readonly writers: number;
  readonly writes: SideSummary;
  readonly reads: SideSummary;
}

/** What a load did. */
export interface LoadSummary extends Counts {
  /** Monotonic microseconds: when the first operation was due, and when the last outcome was known. */
  readonly beganAt: number;
  readonly endedAt: number;
  /** Operations a second that were asked for, and that were acknowledged while operations became due. */
  readonly rateAsked: number;
  readonly rateReached: number;
  /** Operations that became due. */
  readonly operations: number;
  readonly latency: { readonly writes: LatencySummary; readonly reads: LatencySummary };
  /** How much later than due operations were sent, in milliseconds: what the load itself, and writers that were not free, add to the latency. */
  readonly late: LatencySummary;
  /** How often each kind of error was the outcome. */
  readonly errors: Readonly<Record<string, number>>;
  readonly shards: readonly ShardSummary[];
  /** Bytes of operations.jsonl. */
  readonly ledgerBytes: number;
  /** Why it ended before its time; undefined where it did not. */
  readonly endedBy?: string | undefined;
}
