import type { Emit } from "../base/events.ts";
import { megabytes } from "../base/text.ts";
import type { ImportedKey, ImportReport, KeyOutcome, SourceDatabase } from "./types.ts";

/** Counts what became of the keys, and tells while it goes on. */
export interface Tally {
  readonly imported: number;
  /** @param size on its way, in bytes */
  record(key: ImportedKey, size: number, mortal: boolean): void;
  report(databases: readonly SourceDatabase[]): ImportReport;
}

/** Time between two lines of progress, in milliseconds. */
const EVERY_MS = 200;
/** How many keys that were left are kept for the report: memory stays flat, and `onKey` is called for all. */
const MOST_LEFT = 100;

export function makeTally(
  { emit, onKey }: { readonly emit: Emit; readonly onKey?: (key: ImportedKey) => void },
  total: () => number,
): Tally {
  const begin = performance.now();
  const counts: Record<KeyOutcome["kind"], number> = { imported: 0, same: 0, gone: 0, conflict: 0, refused: 0, changed: 0 };
  const left: ImportedKey[] = [];
  let bytes = 0;
  let mortals = 0;
  let done = 0;
  let reported = begin;
  const seconds = () => (performance.now() - begin) / 1000;
  return {
    get imported() {
      return counts.imported;
    },
    record(key, size, mortal) {
      const { kind } = key.outcome;
      counts[kind] += 1;
      done += 1;
      if (kind === "imported") bytes += size;
      if (mortal && (kind === "imported" || kind === "same")) mortals += 1;
      if ((kind === "conflict" || kind === "refused" || kind === "changed") && left.length < MOST_LEFT) left.push(key);
      onKey?.(key);
      if (performance.now() - reported < EVERY_MS) return;
      reported = performance.now();
      const all = Math.max(total(), done);
      emit({
        type: "progress",
        host: undefined,
        step: "keys",
        detail: `${done} of ${all} keys, ${megabytes(bytes)}, ${megabytes(bytes / seconds())}/s`,
        fraction: done / all,
      });
    },
    report: (databases) => ({ counts, mortal: mortals, bytes, seconds: seconds(), left, databases }),
  };
}
