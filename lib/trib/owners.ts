import type { LiveNode } from "../cluster/model/topology.ts";
import { mastersOf } from "../cluster/model/topology.ts";
import { countKeys } from "../cluster/plan/count-keys.ts";
import { type KeyCounts, readCase, suspectSlots } from "../cluster/plan/fix.ts";
import type { TribCluster } from "./load.ts";
import { nameOf, type TribSession } from "./session.ts";

/** A slot that several masters own, or hold keys of. */
export interface SharedSlot {
  readonly slot: number;
  readonly owners: readonly LiveNode[];
}

export interface SharedSlots {
  readonly counts: KeyCounts;
  readonly shared: readonly SharedSlot[];
}

/** Looks at each slot of each master, as `redis-cli --cluster-search-multiple-owners` does: who holds keys counts as an owner. */
export async function ownersOfSlots({ access }: TribSession, { cluster, nodes }: TribCluster): Promise<SharedSlots> {
  const counts = await countKeys(mastersOf(cluster), access);
  const shared = suspectSlots(cluster, counts).flatMap((slot): SharedSlot[] => {
    const found = readCase(slot, cluster, counts);
    const owners = new Set([...found.owners, ...found.holders.map(({ node }) => node)].map(({ id }) => id));
    return owners.size > 1 ? [{ slot, owners: nodes.filter(({ id }) => owners.has(id)) }] : [];
  });
  return { counts, shared };
}

/** @returns how many there are */
export function sayMultipleOwners(session: TribSession, { shared }: SharedSlots): number {
  const { screen } = session;
  screen.xputs(">>> Check for multiple slot owners...");
  for (const each of shared) saySharedSlot(session, each);
  if (shared.length === 0) screen.xputs("[OK] No multiple owners found.");
  return shared.length;
}

export function saySharedSlot(session: TribSession, { slot, owners }: SharedSlot): void {
  const { screen } = session;
  screen.xputs(`[WARNING] Slot ${slot} has ${owners.length} owners:`);
  for (const { id } of owners) screen.puts(`    ${nameOf(session, id)}`);
}
