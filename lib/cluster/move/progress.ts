import { megabytes } from "../../base/text.ts";
import type { MoveOptions, MoveReport } from "./types.ts";

/** What a move tells while it runs. */
export interface MoveProgress {
  readonly moved: number;
  arrived(
    slot: number,
    between: { readonly source: { readonly id: string }; readonly target: { readonly id: string } },
    what: { keys: number; bytes: number },
  ): void;
  quarantined(count: number): void;
  report(): MoveReport;
}

/** Time between two lines of progress, in milliseconds. */
const EVERY_MS = 200;

export function makeMoveProgress(total: number, { emit, onSlot }: MoveOptions): MoveProgress {
  const begin = performance.now();
  // A slot of which a failing server made two journeys has arrived once.
  const slots = new Set<number>();
  const sum = { keys: 0, bytes: 0, quarantined: 0 };
  let reported = begin;
  const seconds = () => (performance.now() - begin) / 1000;
  return {
    get moved() {
      return slots.size;
    },
    arrived(slot, { source, target }, { keys, bytes }) {
      slots.add(slot);
      sum.keys += keys;
      sum.bytes += bytes;
      onSlot?.({ slot, source: source.id, target: target.id, keys, bytes });
      if (performance.now() - reported < EVERY_MS) return;
      reported = performance.now();
      const left = (seconds() / slots.size) * (total - slots.size);
      // The first ones have waited for the config epoch of the target: they tell nothing of the others.
      const estimate = slots.size < total / 20 ? "" : `, about ${Math.ceil(left)} s left`;
      emit({
        type: "progress",
        host: undefined,
        step: "layout",
        detail: `${slots.size} of ${total} slots, ${sum.keys} keys, ${megabytes(sum.bytes)}, ${megabytes(sum.bytes / seconds())}/s${estimate}`,
        fraction: slots.size / total,
      });
    },
    quarantined(count) {
      sum.quarantined += count;
    },
    report: () => ({ slots: slots.size, ...sum, seconds: seconds() }),
  };
}
