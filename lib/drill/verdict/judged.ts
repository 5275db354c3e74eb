import type { LatencyHistogram } from "../checks/latency.ts";
import type { Stretch } from "../checks/side-times.ts";
import type { HistoryTally } from "../checks/tally.ts";
import type { EventLine, FinalState, HistoryHeader } from "../history.ts";
import type { Timeline } from "../timeline/timeline.ts";

/** One side of a shard, in milliseconds. */
export interface SideFigures {
  /** From the first error to the last; undefined where there was none. */
  readonly outageMs: number | undefined;
  readonly gapMs: number | undefined;
  readonly gap: Stretch | undefined;
  readonly lastAcknowledgedMicros: number | undefined;
}

export interface ShardFigures {
  readonly shard: string;
  readonly write: SideFigures;
  readonly read: SideFigures;
}

/** A history that was gone through: what checks, figures and expectations are made of. */
export interface Judged {
  readonly header: HistoryHeader;
  readonly events: readonly EventLine[];
  readonly state: FinalState | undefined;
  readonly hasFinal: boolean;
  readonly tally: HistoryTally;
  readonly timeline: Timeline;
  readonly shards: readonly ShardFigures[];
  readonly counts: HistoryTally["counts"];
  readonly latencies: { readonly [Phase in "all" | "before" | "during" | "after"]: LatencyHistogram };
  /** cluster-node-timeout or down-after; undefined where the history does not say it. */
  readonly timeoutMs: number | undefined;
  /** That, and one election. */
  readonly floorMs: number | undefined;
  /** It came to its end. */
  readonly ended: boolean;
}
