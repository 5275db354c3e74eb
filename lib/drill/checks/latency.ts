/** Buckets for each doubling: a value is off by less than 1.6 %. */
const FINENESS = 64;
const OCTAVES = 32;

/** How often each latency was seen, in microseconds, in buckets that grow with the value. */
export class LatencyHistogram {
  readonly #buckets = new Uint32Array(FINENESS * OCTAVES);
  count = 0;
  max = 0;

  add(micros: number): void {
    const value = Math.max(0, micros);
    const at = bucketOf(value);
    this.#buckets[at] = (this.#buckets[at] ?? 0) + 1;
    this.count += 1;
    if (value > this.max) this.max = value;
  }

  merge(other: LatencyHistogram): void {
    for (const [index, count] of other.#buckets.entries()) if (count > 0) this.#buckets[index] = (this.#buckets[index] ?? 0) + count;
    this.count += other.count;
    this.max = Math.max(this.max, other.max);
  }

  /** The value below which this share of all lies, in microseconds; undefined where there is none. @param share 0.99 */
  quantile(share: number): number | undefined {
    if (this.count === 0) return undefined;
    const wanted = Math.max(1, Math.ceil(this.count * share));
    let seen = 0;
    for (const [index, count] of this.#buckets.entries()) {
      seen += count;
      if (seen >= wanted) return Math.min(this.max, topOf(index));
    }
    return this.max;
  }
}

function bucketOf(micros: number): number {
  if (micros < FINENESS) return Math.floor(micros);
  const octave = Math.floor(Math.log2(micros)) - Math.log2(FINENESS);
  const within = Math.floor(micros / 2 ** octave) - FINENESS;
  return Math.min(FINENESS * OCTAVES - 1, FINENESS * (octave + 1) + within);
}

/** The largest value of a bucket. */
function topOf(index: number): number {
  if (index < FINENESS) return index;
  const octave = Math.floor(index / FINENESS) - 1;
  return (FINENESS + (index % FINENESS) + 1) * 2 ** octave - 1;
}

/** No more slices than these are kept: then two and two become one. */
const MOST_SLICES = 1_024;

/** LatencyHistogram by time, so that what was before, during and after can be told once it is known when that was. */
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
