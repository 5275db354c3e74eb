import { beginJournal, quarantineIn } from "../../cluster/apply/journal.ts";
import type { ClusterApplyOptions } from "../../cluster/apply/options.ts";
import type { Session } from "../session.ts";

/** How slots of a lab are moved: with a journal on disk, and a quarantine for values of which there turn out to be two. */
export function moveOptions(
  { paths }: Pick<Session, "paths">,
  verb: string,
  now: () => Date = () => new Date(),
): NonNullable<ClusterApplyOptions["move"]> {
  return {
    quarantine: quarantineIn(paths.quarantineFolder, now()),
    log: (moves, shardMembers) => beginJournal(paths.journalFolder, { verb, moves, shardMembers, now: now() }),
  };
}
