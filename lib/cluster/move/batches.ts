/** Keys that travel together. */
export interface Batch {
  readonly keys: readonly Buffer[];
  /** What they take in memory at the source; 0 where that is not known. */
  readonly bytes: number;
}

export interface BatchLimits {
  readonly keys: number;
  readonly bytes: number;
}

/** Default for the keys of one MIGRATE together, in bytes: a server is blocked for as long as they take to travel. */
export const BATCH_BYTES = 1 << 20;

/** Speed that a large key is expected to travel with at least, in bytes per second: dump, network and restore. */
const SLOWEST = 4 << 20;

/**
 * The next keys to send together: no more than the limits, but at least one. A key that fills a batch by itself travels alone. Pure.
 *
 * @param sizeOf in bytes, by the index of the key
 */
export function nextBatch(keys: readonly Buffer[], sizeOf: (index: number) => number, from: number, limits: BatchLimits): Batch {
  let bytes = 0;
  let end = from;
  while (end < keys.length && end - from < limits.keys) {
    const size = sizeOf(end);
    if (end > from && bytes + size > limits.bytes) break;
    bytes += size;
    end += 1;
  }
  return { keys: from === 0 && end === keys.length ? keys : keys.slice(from, end), bytes: Math.round(bytes) };
}

/** How long a server is silent while keys of so many bytes travel at the slowest, in milliseconds. */
export function travelMs(bytes: number): number {
  return Math.ceil((bytes / SLOWEST) * 1000);
}

/** What MIGRATE is given as its time-out, in milliseconds: the default, or as much as a large key needs. */
export function timeoutFor(bytes: number, timeoutMs: number): number {
  return Math.max(timeoutMs, travelMs(bytes));
}
