import { openHistory } from "../../drill/reading/history-folder.ts";
import { drillSettings } from "../../drill/settings.ts";
import type { TimelineStep } from "../../drill/timeline/timeline.ts";
import { merged, parseExpectations } from "../../drill/verdict/expectation.ts";
import { judgeHistory } from "../../drill/verdict/judge.ts";
import type { Judged } from "../../drill/verdict/judged.ts";
import { METRICS } from "../../drill/verdict/metrics.ts";
import { type DrillVerdict, verdictOf } from "../../drill/verdict/verdict.ts";

/** A drill, judged. Times in milliseconds. */
export interface DrillReport {
  /** Folder of its history, absolute. */
  readonly folder: string;
  /** Name of the drill; left out for a load on its own. */
  readonly drill?: string | undefined;
  readonly lab: string;
  readonly target: string;
  readonly layout: string;
  /** Of Redis. */
  readonly version: string;
  readonly seed: number;
  /** ISO time. */
  readonly startedAt: string;
  readonly verdict: DrillVerdict;
  /** Why that was expected, with the sources. */
  readonly because: readonly string[];
  /** By name: those that the history tells. Times in milliseconds. */
  readonly figures: Readonly<Record<string, number>>;
  readonly shards: readonly ShardReport[];
  readonly timeline: readonly TimelineEntry[];
  /** How often each kind of error was the outcome of an operation. */
  readonly errors: Readonly<Record<string, number>>;
  /** What is left to do, as sentences. */
  readonly left: readonly string[];
}

export interface ShardReport {
  readonly shard: string;
  /** From the first error to the last; left out where there was none. */
  readonly outageMs?: number | undefined;
  readonly outageReadMs?: number | undefined;
  /** Longest silence between two acknowledgements. */
  readonly gapMs?: number | undefined;
  readonly gapReadMs?: number | undefined;
}

export interface TimelineEntry {
  readonly step: TimelineStep["step"];
  /** After the fault; negative before it. */
  readonly atMs: number;
  /** By how much that may be off. */
  readonly errorMs: number;
  readonly node?: string | undefined;
  readonly text: string;
  readonly source: TimelineStep["source"];
}

/** Judges the history in a folder. @param expect terms that win over those of the drill. @throws LabError `drill.not-a-history`, `drill.damaged-history`, `drill.wrong-expectation` */
export async function judgeFolder(folder: string, expect: string | undefined, left: readonly string[] = []): Promise<DrillReport> {
  const history = await openHistory(folder);
  const judged = await judgeHistory(history);
  const { expect: own, because = [] } = drillSettings(history.header);
  const expected = merged(
    own === undefined || own === "" ? [] : parseExpectations(own),
    expect === undefined ? [] : parseExpectations(expect),
  );
  const { drill, lab, target, layout, version, seed, startedAt } = history.header;
  return {
    folder,
    ...(drill !== undefined && { drill }),
    lab,
    target,
    layout,
    version,
    seed,
    startedAt,
    verdict: verdictOf(judged, expected),
    because,
    figures: figuresOf(judged),
    shards: judged.shards.map(({ shard, write, read }) => ({
      shard,
      ...(write.outageMs !== undefined && { outageMs: write.outageMs }),
      ...(read.outageMs !== undefined && { outageReadMs: read.outageMs }),
      ...(write.gapMs !== undefined && { gapMs: write.gapMs }),
      ...(read.gapMs !== undefined && { gapReadMs: read.gapMs }),
    })),
    timeline: timelineEntries(judged),
    errors: Object.fromEntries(judged.tally.errors),
    left,
  };
}

function figuresOf(judged: Judged): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(METRICS).flatMap(([name, { of }]) => {
      const value = of(judged);
      return value === undefined ? [] : [[name, Math.round(value * 1_000) / 1_000] as const];
    }),
  );
}

function timelineEntries({ timeline }: Judged): readonly TimelineEntry[] {
  const zero = timeline.steps.find(({ step }) => step === "fault")?.t ?? timeline.steps[0]?.t ?? 0;
  return timeline.steps.map(({ step, t, error, node, text, source }) => ({
    step,
    atMs: (t - zero) / 1_000,
    errorMs: error / 1_000,
    ...(node !== undefined && { node }),
    text,
    source,
  }));
}
