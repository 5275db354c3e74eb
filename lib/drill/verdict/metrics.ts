import type { Judged } from "./judged.ts";

/** A figure that an expectation can ask for. */
export interface Metric {
  readonly about: string;
  readonly unit: "count" | "ms" | "bytes" | "ratio";
  /** Undefined where the history does not tell. */
  readonly of: (judged: Judged) => number | undefined;
}

const quantiles = { p50: 0.5, p99: 0.99, "p99.9": 0.999, max: 1 } as const;
const PHASES = ["before", "during", "after"] as const;

const final = (of: (judged: Judged) => number) => (judged: Judged) => (judged.hasFinal ? of(judged) : undefined);
const count = (about: string, of: Metric["of"]): Metric => ({ about, unit: "count", of });
const time = (about: string, of: Metric["of"]): Metric => ({ about, unit: "ms", of });

function latency(share: number, phase: (typeof PHASES)[number] | "all"): Metric["of"] {
  return ({ latencies }) => {
    const micros = latencies[phase].quantile(share);
    return micros === undefined ? undefined : micros / 1000;
  };
}

const LATENCIES = Object.fromEntries(
  Object.entries(quantiles).flatMap(([name, share]) => [
    [name, time(`latency of what was acknowledged, ${name}, from the first operation to the last`, latency(share, "all"))],
    ...PHASES.map((phase) => [`${name}-${phase}`, time(`the same ${phase} the outage`, latency(share, phase))]),
  ]),
) as Readonly<Record<string, Metric>>;

/** All figures, by the name that an expectation gives them. */
export const METRICS: Readonly<Record<string, Metric>> = {
  acknowledged: count("writes that were acknowledged", ({ counts }) => counts.write.acknowledged),
  failed: count("writes that were refused", ({ counts }) => counts.write.failed),
  unknown: count("writes without an answer: done or not", ({ counts }) => counts.write.unknown),
  lost: count(
    "acknowledged writes that are gone at the end",
    final(({ tally }) => tally.lost.count),
  ),
  phantom: count(
    "refused writes that are there at the end",
    final(({ tally }) => tally.phantom.count),
  ),
  "unknown-present": count(
    "writes without an answer that are there at the end",
    final(({ tally }) => tally.unknownPresent),
  ),
  "unknown-absent": count(
    "writes without an answer that are not there at the end",
    final(({ tally }) => tally.unknownAbsent),
  ),
  stale: count("reads of an older value than one that was acknowledged before", ({ tally }) => tally.stale.count),
  backwards: count("reads of an older value than the same reader saw before", ({ tally }) => tally.backwards.count),
  counters: count(
    "counters that are not between acknowledged and acknowledged + unknown",
    final(({ tally }) => tally.counterFaults.count),
  ),
  outage: time("from the first error of writes to the last, of the shard with the longest", ({ shards }) =>
    longest(shards.map(({ write }) => write.outageMs)),
  ),
  "outage-read": time("the same of reads", ({ shards }) => longest(shards.map(({ read }) => read.outageMs))),
  gap: time("longest silence between two acknowledged writes of a shard", ({ shards }) => longest(shards.map(({ write }) => write.gapMs))),
  "gap-read": time("the same of reads", ({ shards }) => longest(shards.map(({ read }) => read.gapMs))),
  ...LATENCIES,
  failovers: count("replicas that became masters before the recovery began", ({ timeline }) => timeline.failovers),
  promotions: count("replicas that became masters, those of the recovery included", ({ timeline }) => timeline.promotions.length),
  detection: time("from the fault until it was agreed that the master is down", ({ timeline }) => timeline.detectionMs),
  election: time("from there until a replica was the master", ({ timeline }) => timeline.electionMs),
  "full-resyncs": count("replicas that were sent all of the data", ({ timeline }) => timeline.fullResyncs),
  "partial-resyncs": count("replicas that were sent what they missed", ({ timeline }) => timeline.partialResyncs),
  "resync-bytes": { about: "bytes that were sent for full resynchronisations", unit: "bytes", of: ({ timeline }) => timeline.resyncBytes },
  floor: {
    about: "gap divided by node timeout (or down-after) and one election",
    unit: "ratio",
    of: ({ floorMs, shards }) => ratio(longest(shards.map(({ write }) => write.gapMs)), floorMs),
  },
};

export const METRIC_NAMES = Object.keys(METRICS);

function longest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? 0 : Math.max(...known);
}

function ratio(value: number | undefined, of: number | undefined): number | undefined {
  return value === undefined || of === undefined || of === 0 ? undefined : value / of;
}
