import { countSlots, formatRanges } from "./slots.ts";
import type { SlotAction } from "./types.ts";

/** An action on slots in one line, for people. */
export function describeSlotAction(action: SlotAction): string {
  switch (action.kind) {
    case "move-slots":
      return `move ${slotsOf(action)} from ${action.source} to ${action.target}`;
    case "claim-slots":
      return `make ${action.instance} the owner of ${slotsOf(action)}`;
    case "disown-slots":
      return `take ${slotsOf(action)} from ${action.instance}, and keep its keys for ${action.owner}`;
    case "gather-keys":
      return `bring the keys of slot ${action.slot} from ${action.source} to their owner ${action.target}`;
    case "close-slots":
      return `close ${slotsOf(action)} at ${action.instance}`;
  }
}

function slotsOf({ slots }: Exclude<SlotAction, { kind: "gather-keys" }>): string {
  const count = countSlots(slots);
  const listed = formatRanges(slots);
  return count === 1 ? `slot ${listed}` : `${count} slots (${listed.length > 60 ? `${listed.slice(0, 60)}…` : listed})`;
}
