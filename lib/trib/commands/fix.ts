import { auditSlots, isSound } from "../../cluster/audit.ts";
import { unreachableMasters } from "../../cluster/fix.ts";
import { settle } from "../../cluster/settle.ts";
import { countSlots } from "../../cluster/slots.ts";
import { checkCluster } from "../check.ts";
import { fixCoverage } from "../fix-coverage.ts";
import { fixOpenSlots } from "../fix-open.ts";
import { fixOwners } from "../fix-owners.ts";
import { Quit } from "../host.ts";
import { loadCluster, lookAgain, type TribCluster } from "../load.ts";
import { ownersOfSlots, sayMultipleOwners } from "../owners.ts";
import { moveSettings, type Session } from "../session.ts";

/** `fix host:port`: a check that mends what it finds. @returns 1 where anything is left */
export async function run(session: Session): Promise<number> {
  moveSettings(session);
  const cluster = await loadCluster(session, session.words[0] ?? "");
  let now = cluster;
  const mend = async (what: "open slots" | "slots coverage", needed: boolean, work: () => Promise<void>): Promise<void> => {
    if (!needed) return;
    assertMastersReachable(session, now, what);
    await work();
    await agreed(session, now);
    now = await lookAgain(session, cluster);
  };
  await checkCluster(session, cluster, {
    afterOpenSlots: ({ openSlots }) => mend("open slots", openSlots.length > 0, () => fixOpenSlots(session, now, openSlots)),
    refreshed: async () => now,
  });
  const { uncovered } = auditSlots(now.nodes);
  await mend("slots coverage", countSlots(uncovered) > 0, () => fixCoverage(session, now, uncovered));
  if (session.options.has("search-multiple-owners")) {
    const found = await ownersOfSlots(session, now);
    sayMultipleOwners(session, found);
    await mend("open slots", found.shared.length > 0, () => fixOwners(session, now, found));
  }
  return isSound(auditSlots(now.nodes)) && cluster.complaints === 0 ? 0 : 1;
}

/** Slots of a master that can't be asked would be given to others, and its keys be lost when it comes back. @throws Quit */
function assertMastersReachable({ screen, options }: Session, { topology, cluster }: TribCluster, what: string): void {
  const lost = unreachableMasters(topology, cluster).length;
  if (lost === 0 || options.has("fix-with-unreachable-masters")) return;
  screen.xputs(
    `*** Fixing ${what} with ${lost} unreachable masters is dangerous: redis-trib will assume that slots about masters that are not reachable are not covered, and will try to reassign them to the reachable nodes. This can cause data loss and is rarely what you want to do. If you really want to proceed use the --fix-with-unreachable-masters option.`,
  );
  throw new Quit(1);
}

/** What is left when the time is over is found by the look that follows. */
async function agreed({ access, host }: Session, { cluster }: TribCluster): Promise<void> {
  const members = cluster.live.map(({ member }) => member);
  const missing = await settle(members, access, { signal: host.signal });
  if (missing !== undefined) host.warn(`redis-trib: the nodes do not agree yet: ${missing}.`);
}
