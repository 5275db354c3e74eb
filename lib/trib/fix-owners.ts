import { planFix } from "../cluster/fix.ts";
import { mendSlot } from "./fix-open.ts";
import type { TribCluster } from "./load.ts";
import type { SharedSlots } from "./owners.ts";
import { nameOf, type Session } from "./session.ts";

/** Leaves each slot that several masters own, or hold keys of, to one of them, in the words of `redis-cli --cluster fix --cluster-search-multiple-owners`. */
export async function fixOwners(session: Session, cluster: TribCluster, { shared, counts }: SharedSlots): Promise<void> {
  const fixes = planFix({ cluster: cluster.cluster, slots: shared.map(({ slot }) => slot), counts });
  for (const fix of fixes) {
    session.screen.xputs(`>>> Fixing multiple owners for slot ${fix.case.slot}...`);
    session.screen.xputs(`>>> Setting slot ${fix.case.slot} owner: ${nameOf(session, fix.verdict.owner.id)}`);
    await mendSlot(session, cluster, fix, false);
  }
}
