import { build, type Histogram } from "hdr-histogram-js";

/** Ten minutes, in microseconds: what takes longer counts as that in quantiles. */
const LONGEST = 600_000_000;

/** How often each latency was seen, in microseconds; a value is off by less than 1 %, so that a thousand of them take some megabytes. */
export class LatencyHistogram {
  readonly #histogram: Histogram = build({
    bitBucketSize: 32,
    autoResize: true,
    lowestDiscernibleValue: 1,
    highestTrackableValue: 2,
    numberOfSignificantValueDigits: 2,
  });
  max = 0;

  get count(): number {
    return this.#histogram.totalCount;
  }

  add(micros: number): void {
    const value = Math.max(0, micros);
    this.#histogram.recordValue(Math.min(LONGEST, Math.round(value)));
    this.max = Math.max(this.max, value);
  }

  merge(other: LatencyHistogram): void {
    this.#histogram.add(other.#histogram);
    this.max = Math.max(this.max, other.max);
  }

  /** The value below which this share of all lies, in microseconds; undefined where there is none. @param share 0.99 */
  quantile(share: number): number | undefined {
    if (this.count === 0) return undefined;
    return Math.min(this.max, this.#histogram.getValueAtPercentile(share * 100));
  }
}

/** No more slices than these are kept: then two and two become one. */
const MOST_SLICES = 1_024;

/** LatencyHistogram by time, so that what was before, during and after can be separated once it is known when that was. */
export class LatencySlices {
  #widthMicros = 100_000;
  #slices = new Map<number, LatencyHistogram>();

  add(atMicros: number, latencyMicros: number): void {
    const index = Math.floor(atMicros / this.#widthMicros);
    let slice = this.#slices.get(index);
    if (slice === undefined) {
      if (this.#slices.size >= MOST_SLICES) {
        this.#coarsen();
        this.add(atMicros, latencyMicros);
        return;
      }
      slice = new LatencyHistogram();
      this.#slices.set(index, slice);
    }
    slice.add(latencyMicros);
  }

  /** All between two times; a slice belongs to where its middle lies. */
  between(fromMicros: number, toMicros: number): LatencyHistogram {
    const sum = new LatencyHistogram();
    for (const [index, slice] of this.#slices) {
      const middle = (index + 0.5) * this.#widthMicros;
      if (middle >= fromMicros && middle < toMicros) sum.merge(slice);
    }
    return sum;
  }

  #coarsen(): void {
    this.#widthMicros *= 2;
    const slices = new Map<number, LatencyHistogram>();
    for (const [index, slice] of this.#slices) {
      const at = Math.floor(index / 2);
      const known = slices.get(at);
      if (known === undefined) slices.set(at, slice);
      else known.merge(slice);
    }
    this.#slices = slices;
  }
}
