import type { Batch } from "./batches.ts";

/** What one write asks of a server, which serves nobody else until it is through with it (processInputBuffer in networking.c): other clients wait that long. */
export interface Slice {
  /** Whether there is room for it; the first one always fits. */
  fits(work: number): boolean;
  add(work: number): void;
}

/** Cuts the work of a pair into slices, and learns what is in its slots. Work is counted in small keys that travel, some ten microseconds each. */
export interface Slices {
  begin(): Slice;
  /** What a look at the keys of a slot costs, going by those before. */
  surveyWork(): number;
  surveyed(keys: number): void;
}

/** Most work of a slice: two or three milliseconds. */
const SLICE = 256;
/** From this size on a key counts by its bytes. */
const SMALL_BYTES = 4096;
/** Keys that are looked at in the time in which one travels. */
const LOOKS = 8;
/** Keys of a slot before any was seen. */
const GUESS = 16;

export function makeSlices(): Slices {
  let keysPerSlot = GUESS;
  return {
    begin() {
      let used = 0;
      return {
        fits: (work) => used === 0 || used + work <= SLICE,
        add(work) {
          used += work;
        },
      };
    },
    surveyWork: () => 1 + keysPerSlot / LOOKS,
    surveyed(keys) {
      keysPerSlot += (keys - keysPerSlot) / LOOKS;
    },
  };
}

export function sendWork({ keys, bytes }: Batch): number {
  return keys.length + bytes / SMALL_BYTES;
}
