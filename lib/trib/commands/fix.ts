import { applyRescue, rescuesOf } from "../../cluster/apply/rescue.ts";
import { lostMasters } from "../../cluster/findings/lost-masters.ts";
import { auditSlots, isSound } from "../../cluster/findings/slot-audit.ts";
import { awaitAgreement } from "../../cluster/gossip/await-agreement.ts";
import { countSlots } from "../../cluster/model/slots.ts";
import { clusterFindings } from "../check.ts";
import { fixCoverage } from "../fix-coverage.ts";
import { fixOpenSlots, fixOwners } from "../fix-open.ts";
import { Quit } from "../host.ts";
import { loadCluster, observeAgain, type TribCluster } from "../load.ts";
import { ownersOfSlots, sayMultipleOwners } from "../owners.ts";
import { moveSettings, nameOf, type TribSession } from "../session.ts";

/** `fix host:port`: a check that fixes what it finds. @returns 1 where anything is left */
export async function run(session: TribSession): Promise<number> {
  moveSettings(session);
  const cluster = await loadCluster(session, session.words[0] ?? "");
  let now = cluster;
  const fixing = async (what: "open slots" | "slots coverage", needed: boolean, work: () => Promise<void>): Promise<void> => {
    if (!needed) return;
    if (await standIn(session, now, what)) {
      await agreed(session, now);
      now = await observeAgain(session, cluster);
    }
    await work();
    await agreed(session, now);
    now = await observeAgain(session, cluster);
  };
  await clusterFindings(session, cluster, {
    afterOpenSlots: ({ openSlots }) => fixing("open slots", openSlots.length > 0, () => fixOpenSlots(session, now, openSlots)),
    refreshed: async () => now,
  });
  const { uncovered } = auditSlots(now.nodes);
  await fixing("slots coverage", countSlots(uncovered) > 0, async () => {
    const { uncovered: left } = auditSlots(now.nodes);
    if (countSlots(left) > 0) await fixCoverage(session, now, left);
  });
  if (session.options.has("search-multiple-owners")) {
    const found = await ownersOfSlots(session, now);
    sayMultipleOwners(session, found);
    await fixing("open slots", found.shared.length > 0, () => fixOwners(session, now, found));
  }
  return isSound(auditSlots(now.nodes)) && cluster.complaints === 0 ? 0 : 1;
}

/** Slots of a master that can't be asked would be given to others, and its keys be lost when it comes back: a replica of it takes over first. @returns whether one did @throws Quit */
async function standIn(session: TribSession, { topology, cluster, members }: TribCluster, what: string): Promise<boolean> {
  const { screen, options, host, access } = session;
  const lost = lostMasters(topology, cluster);
  if (lost.length === 0) return false;
  const rescues = rescuesOf(lost, true);
  if (!options.has("fix-with-unreachable-masters")) {
    for (const { heir, lost: master } of rescues)
      host.warn(
        `redis-trib: ${nameOf(session, heir.id)} replicates ${nameOf(session, master.name)}: CLUSTER FAILOVER TAKEOVER there keeps its keys.`,
      );
    screen.xputs(
      `*** Fixing ${what} with ${lost.length} unreachable masters is dangerous: redis-trib will assume that slots about masters that are not reachable are not covered, and will try to reassign them to the reachable nodes. This can cause data loss and is rarely what you want to do. If you really want to proceed use the --fix-with-unreachable-masters option.`,
    );
    throw new Quit(1);
  }
  for (const { heir, lost: master } of rescues) {
    host.warn(`redis-trib: ${nameOf(session, heir.id)} takes over from ${nameOf(session, master.name)}, which it replicates.`);
    await applyRescue({ heir, lost: { ...master, newcomer: undefined } }, members, access, { emit: () => {}, signal: host.signal });
  }
  return rescues.length > 0;
}

/** What is left when the time is over is found by the look that follows. */
async function agreed({ access, host }: TribSession, { cluster }: TribCluster): Promise<void> {
  const members = cluster.live.map(({ member }) => member);
  const missing = await awaitAgreement(members, access, { signal: host.signal });
  if (missing !== undefined) host.warn(`redis-trib: the nodes do not agree yet: ${missing}.`);
}
