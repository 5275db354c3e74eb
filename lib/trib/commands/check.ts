import { clusterFindings } from "../check.ts";
import { loadCluster } from "../load.ts";
import { ownersOfSlots, sayMultipleOwners } from "../owners.ts";
import type { TribSession } from "../session.ts";

/** `check host:port`. @returns 1 where anything was found */
export async function run(session: TribSession): Promise<number> {
  const cluster = await loadCluster(session, session.words[0] ?? "");
  let errors = cluster.complaints + (await clusterFindings(session, cluster));
  if (session.options.has("search-multiple-owners")) errors += sayMultipleOwners(session, await ownersOfSlots(session, cluster));
  return errors === 0 ? 0 : 1;
}
