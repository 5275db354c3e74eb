import type { SlotRange } from "../../redis/types.ts";
import { eachSlot, formatRanges, rangesWhere } from "../model/slots.ts";
import { acquaintances, type LiveNode } from "../model/topology.ts";

/** A node with slots that are open at it. */
export interface OpenAt {
  readonly node: LiveNode;
  readonly migrating: readonly number[];
  readonly importing: readonly number[];
}

/** What nodes say of slots, judged as redis-trib and redis-cli judge it: by their own words alone, whatever anybody says of those that can't be asked. */
export interface SlotAudit {
  /** All tell the same of who owns what. Roles are not looked at. */
  readonly agreed: boolean;
  readonly open: readonly OpenAt[];
  /** Every open slot once, in the order in which they were found. */
  readonly openSlots: readonly number[];
  /** Slots that none of them owns. */
  readonly uncovered: readonly SlotRange[];
}

/** Pure. */
export function auditSlots(nodes: readonly LiveNode[]): SlotAudit {
  const open = nodes
    .map((node) => ({ node, migrating: [...node.self.migrating.keys()], importing: [...node.self.importing.keys()] }))
    .filter(({ migrating, importing }) => migrating.length + importing.length > 0);
  const covered = new Set(nodes.flatMap(({ self }) => [...eachSlot(self.slots)]));
  return {
    agreed: new Set(nodes.map(slotSignature)).size <= 1,
    open,
    openSlots: [...new Set(open.flatMap(({ migrating, importing }) => [...migrating, ...importing]))],
    uncovered: rangesWhere((slot) => !covered.has(slot)),
  };
}

/** True where nothing is wrong. Pure. */
export function isSound({ agreed, openSlots, uncovered }: SlotAudit): boolean {
  return agreed && openSlots.length === 0 && uncovered.length === 0;
}

/** Who owns which slots in the view of one node (get_config_signature of redis-trib.rb 4.0.14). */
function slotSignature({ view }: LiveNode): string {
  return acquaintances(view)
    .filter(({ slots }) => slots.length > 0)
    .map(({ id, slots }) => `${id}:${formatRanges(slots)}`)
    .sort()
    .join("|");
}
