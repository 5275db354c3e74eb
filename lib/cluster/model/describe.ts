import type { SlotRange } from "../../redis/types.ts";
import { countSlots, formatRanges } from "./slots.ts";

/** `slot 13`, `500 slots (0-499)` or `no slots`; long lists of ranges are cut. */
export function describeSlots(slots: readonly SlotRange[]): string {
  const count = countSlots(slots);
  if (count === 0) return "no slots";
  const listed = formatRanges(slots);
  return count === 1 ? `slot ${listed}` : `${count} slots (${listed.length > 60 ? `${listed.slice(0, 60)}…` : listed})`;
}
