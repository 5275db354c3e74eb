import type { SlotRange } from "../redis/types.ts";
import { countSlots, formatRanges } from "./slots.ts";
import type { SlotAction } from "./types.ts";

/** An action on slots in one line, for people. */
export function describeSlotAction(action: SlotAction): string {
  switch (action.kind) {
    case "move-slots":
      return `move ${describeSlots(action.slots)} from ${action.source} to ${action.target}`;
    case "claim-slots":
      return `make ${action.instance} the owner of ${describeSlots(action.slots)}`;
    case "disown-slots":
      return `take ${describeSlots(action.slots)} from ${action.instance}, and keep its keys for ${action.owner}`;
    case "gather-keys":
      return `bring the keys of slot ${action.slot} from ${action.source} to their owner ${action.target}`;
    case "close-slots":
      return `close ${describeSlots(action.slots)} at ${action.instance}`;
  }
}

/** `slot 13`, `500 slots (0-499)` or `no slots`; long lists of ranges are cut. */
export function describeSlots(slots: readonly SlotRange[]): string {
  const count = countSlots(slots);
  if (count === 0) return "no slots";
  const listed = formatRanges(slots);
  return count === 1 ? `slot ${listed}` : `${count} slots (${listed.length > 60 ? `${listed.slice(0, 60)}…` : listed})`;
}
