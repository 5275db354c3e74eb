import type { SideTimes } from "../checks/side-times.ts";
import { type HistoryTally, tallyHistory } from "../checks/tally.ts";
import type { HistoryFolder } from "../reading/history-folder.ts";
import { drillSettings } from "../settings.ts";
import { timelineOf } from "../timeline/timeline.ts";
import type { Judged, ShardFigures, SideFigures } from "./judged.ts";

/**
 * One election, in milliseconds. Cluster: 500 fixed and up to 500 at random before a replica asks for votes (clusterHandleSlaveFailover in cluster.c of 4.0.14 and 7.4.1). Sentinel: up to 1000 from one look of
 * its timer to the next, at random so that sentinels do not ask at once (sentinel.c, SENTINEL_MAX_DESYNC). Without sentinels nobody elects.
 */
const ELECTION_MS: Readonly<Record<string, number>> = { cluster: 1_000, sentinel: 1_000 };

/** Goes through a history and makes the figures. @throws LabError `drill.damaged-history`, `drill.not-a-history` */
export async function judgeHistory(history: HistoryFolder): Promise<Judged> {
  const tally = await tallyHistory(history);
  const { header, events, state, hasFinal } = history;
  const end = events.findLast(({ what }) => what === "load-ended")?.t ?? tally.lastMicros;
  const shards = shardsOf(tally, end);
  const worst = [...shards].sort((a, b) => (b.write.gapMs ?? 0) - (a.write.gapMs ?? 0))[0];
  const timeline = timelineOf(events, worst?.write.gap?.toMicros);
  const fault = events.find(({ what }) => what === "fault")?.t;
  const outageEnd = Math.max(fault ?? 0, ...shards.flatMap(({ write, read }) => [write.gap?.toMicros ?? 0, read.gap?.toMicros ?? 0]));
  const { latencies } = tally;
  const { timeoutMs } = drillSettings(header);
  const electionMs = ELECTION_MS[header.layout];
  return {
    header,
    events,
    state,
    hasFinal,
    tally,
    timeline,
    shards,
    counts: tally.counts,
    latencies: {
      all: latencies.between(0, Number.POSITIVE_INFINITY),
      before: latencies.between(0, fault ?? Number.POSITIVE_INFINITY),
      during: latencies.between(fault ?? Number.POSITIVE_INFINITY, outageEnd),
      after: latencies.between(fault === undefined ? Number.POSITIVE_INFINITY : outageEnd, Number.POSITIVE_INFINITY),
    },
    timeoutMs,
    floorMs: timeoutMs === undefined || electionMs === undefined ? undefined : timeoutMs + electionMs,
    // A load on its own removes its keys, or leaves them: what it holds is all that there will be.
    ended: header.drill === undefined || (hasFinal && !events.some(({ what }) => what === "interrupted")),
  };
}

function shardsOf(tally: HistoryTally, end: number): readonly ShardFigures[] {
  return [...tally.sides].map(([shard, { write, read }]) => ({ shard, write: sideOf(write, end), read: sideOf(read, end) }));
}

function sideOf(side: SideTimes, end: number): SideFigures {
  const { outage, lastAcknowledged } = side;
  const gap = side.longest(end);
  return {
    outageMs: outage === undefined ? undefined : (outage.toMicros - outage.fromMicros) / 1000,
    gapMs: gap === undefined ? undefined : (gap.toMicros - gap.fromMicros) / 1000,
    gap,
    lastAcknowledgedMicros: lastAcknowledged,
  };
}
