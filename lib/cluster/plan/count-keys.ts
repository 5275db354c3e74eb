import type { InstanceAccess } from "../../redis/types.ts";
import { SLOT_COUNT } from "../model/slots.ts";
import type { LiveNode } from "../model/topology.ts";
import type { KeyCounts } from "./fix.ts";

/** Commands in one write, so that no server is asked for all of its slots in one breath. */
const AT_ONCE = 2048;

/** How many keys each node holds in each slot, whether it owns the slot or not (O(1) a slot at the server). Slots without keys are left out. */
export async function countKeys(
  nodes: readonly LiveNode[],
  access: InstanceAccess,
  slots: readonly number[] = ALL_SLOTS,
): Promise<KeyCounts> {
  return new Map(
    await Promise.all(
      nodes.map(async ({ id }) => {
        const client = await access.client(id);
        const counts = new Map<number, number>();
        for (let from = 0; from < slots.length; from += AT_ONCE) {
          const part = slots.slice(from, from + AT_ONCE);
          const replies = await client.callAll(part.map((slot) => ["CLUSTER", "COUNTKEYSINSLOT", slot]));
          part.forEach((slot, index) => {
            const keys = replies[index];
            if (typeof keys === "number" && keys > 0) counts.set(slot, keys);
          });
        }
        return [id, counts] as const;
      }),
    ),
  );
}

const ALL_SLOTS: readonly number[] = Array.from({ length: SLOT_COUNT }, (_, slot) => slot);
