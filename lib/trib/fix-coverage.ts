import { eachSlot } from "../cluster/model/slots.ts";
import { mastersOf } from "../cluster/model/topology.ts";
import { countKeys } from "../cluster/plan/count-keys.ts";
import { merged, planFix, type SlotFix } from "../cluster/plan/fix.ts";
import type { SlotRange } from "../redis/types.ts";
import { apply, fixSlot } from "./fix-open.ts";
import type { TribCluster } from "./load.ts";
import { openQuarantine } from "./quarantine.ts";
import { nameOf, type TribSession } from "./session.ts";

/** Gives slots that nobody covers to masters, after three questions (fix_slots_coverage of redis-trib.rb 4.0.14). Never to a replica, which redis-trib does. @throws Quit */
export async function fixCoverage(session: TribSession, cluster: TribCluster, uncovered: readonly SlotRange[]): Promise<void> {
  const { screen } = session;
  const slots = [...eachSlot(uncovered)];
  const counts = await countKeys(mastersOf(cluster.cluster), session.access, slots);
  const fixes = planFix({ cluster: cluster.cluster, slots, counts });
  screen.xputs(">>> Fixing slots coverage...");
  screen.xputs(`List of not covered slots: ${slots.join(",")}`);
  for (const { case: found } of fixes) {
    const holders = cluster.nodes.filter(({ id }) => found.holders.some(({ node }) => node.id === id));
    screen.xputs(`Slot ${found.slot} has keys in ${holders.length} nodes: ${holders.map(({ id }) => nameOf(session, id)).join(", ")}`);
  }
  const holding = (from: number, to: number) => fixes.filter(({ case: { holders } }) => from <= holders.length && holders.length <= to);
  await ask(
    session,
    holding(0, 0),
    "The folowing uncovered slots have no keys across the cluster:",
    "Fix these slots by covering with a random node?",
    (none) => coverAtOnce(session, cluster, none),
  );
  await ask(
    session,
    holding(1, 1),
    "The folowing uncovered slots have keys in just one node:",
    "Fix these slots by covering with those nodes?",
    (single) => coverAtOnce(session, cluster, single),
  );
  await ask(
    session,
    holding(2, Number.POSITIVE_INFINITY),
    "The folowing uncovered slots have keys in multiple nodes:",
    "Fix these slots by moving keys into a single node?",
    async (multi) => {
      for (const fix of multi) {
        screen.xputs(`>>> Covering slot ${fix.case.slot} moving keys to ${nameOf(session, fix.verdict.owner.id)}`);
        await fixSlot(session, cluster, fix, false);
      }
    },
  );
}

async function ask(
  { screen }: TribSession,
  fixes: readonly SlotFix[],
  heading: string,
  question: string,
  work: (fixes: readonly SlotFix[]) => Promise<void>,
): Promise<void> {
  if (fixes.length === 0) return;
  screen.xputs(heading);
  screen.xputs(fixes.map(({ case: { slot } }) => slot).join(","));
  await screen.yesOrDie(question);
  await work(fixes);
}

/** One claim for all slots of a master: there may be thousands. */
async function coverAtOnce(session: TribSession, cluster: TribCluster, fixes: readonly SlotFix[]): Promise<void> {
  for (const { case: found, verdict } of fixes)
    session.screen.xputs(`>>> Covering slot ${found.slot} with ${nameOf(session, verdict.owner.id)}`);
  await apply(session, cluster, merged(fixes.flatMap(({ actions }) => actions)), { quarantine: openQuarantine(session) });
}
