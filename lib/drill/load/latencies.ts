import { build, type Histogram } from "hdr-histogram-js";

/** Latencies of some operations, in milliseconds, from the moment at which each was due. Zero where there are none. */
export interface LatencySummary {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Ten minutes, in microseconds: what takes longer counts as that. */
const LONGEST = 600_000_000;

/** A histogram of latencies, three digits of which are kept. */
export class Latencies {
  readonly #histogram: Histogram = build({
    bitBucketSize: 32,
    autoResize: true,
    lowestDiscernibleValue: 1,
    highestTrackableValue: 2,
    numberOfSignificantValueDigits: 3,
  });

  add(microseconds: number): void {
    this.#histogram.recordValue(Math.min(LONGEST, Math.max(0, Math.round(microseconds))));
  }

  /** What was added to another one counts here too. */
  merge(other: Latencies): void {
    this.#histogram.add(other.#histogram);
  }

  reset(): void {
    this.#histogram.reset();
  }

  get summary(): LatencySummary {
    const { totalCount } = this.#histogram;
    if (totalCount === 0) return { count: 0, p50: 0, p99: 0, p999: 0, max: 0 };
    const at = (percentile: number) => inMs(this.#histogram.getValueAtPercentile(percentile));
    return { count: totalCount, p50: at(50), p99: at(99), p999: at(99.9), max: inMs(this.#histogram.maxValue) };
  }
}

function inMs(microseconds: number): number {
  return Math.round(microseconds) / 1000;
}
