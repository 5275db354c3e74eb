import { applyCluster } from "../cluster/apply/apply.ts";
import { type LiveNode, mastersOf } from "../cluster/model/topology.ts";
import type { ClusterPlan, SlotAction } from "../cluster/model/types.ts";
import { countKeys } from "../cluster/plan/count-keys.ts";
import { planFix, type SlotFix } from "../cluster/plan/fix.ts";
import { plannedAction } from "../cluster/plan/planned-action.ts";
import type { TribCluster } from "./load.ts";
import { type PlannedSlot, tellMoves } from "./moves.ts";
import type { SharedSlots } from "./owners.ts";
import { openQuarantine } from "./quarantine.ts";
import { moveSettings, nameOf, namesOf, type TribSession } from "./session.ts";

/** Fixes slots that are open, in the words of redis-trib (fix_open_slot of 4.0.14), by the plan of the engine. Moves that only have to go on travel side by side. */
export async function fixOpenSlots(session: TribSession, cluster: TribCluster, openSlots: readonly number[]): Promise<void> {
  const counts = await countKeys(mastersOf(cluster.cluster), session.access, openSlots);
  const fixes = new Map(planFix({ cluster: cluster.cluster, slots: openSlots, counts }).map((fix) => [fix.case.slot, fix]));
  let finishing: SlotFix[] = [];
  for (const slot of openSlots) {
    const fix = fixes.get(slot);
    // One that has to be gathered as well is reported by itself.
    if (fix?.verdict.kind === "finish" && fix.actions.length === 1) {
      finishing.push(fix);
      continue;
    }
    await finish(session, cluster, finishing);
    finishing = [];
    if (fix === undefined) sayHopeless(session, cluster, slot);
    else {
      sayCase(session, cluster, fix);
      await fixSlot(session, cluster, fix, true);
    }
  }
  await finish(session, cluster, finishing);
}

async function finish(session: TribSession, cluster: TribCluster, fixes: readonly SlotFix[]): Promise<void> {
  if (fixes.length === 0) return;
  const planned = fixes.flatMap(({ case: { slot }, verdict }): PlannedSlot[] =>
    verdict.kind === "finish" ? [{ slot, source: verdict.owner.id, target: verdict.target.id }] : [],
  );
  const bySlot = new Map(fixes.map((fix) => [fix.case.slot, fix]));
  const teller = tellMoves(session, planned, (slot) => {
    const fix = bySlot.get(slot);
    if (fix !== undefined) sayCase(session, cluster, fix);
  });
  const quarantine = openQuarantine(session, (slot) => teller.note(slot, REPLACING));
  await apply(
    session,
    cluster,
    fixes.flatMap(({ actions }) => actions),
    { quarantine, onSlot: teller.onSlot },
  );
}

const REPLACING = "*** Target key exists. Replacing it for FIX.";

/** Carries out the actions of one slot, one after the other, and tells of keys that are gathered; with `closing` of nodes at which the slot is closed as well. */
export async function fixSlot(session: TribSession, cluster: TribCluster, fix: SlotFix, closing: boolean): Promise<void> {
  const { screen } = session;
  const { slot, holders } = fix.case;
  const final = fix.verdict.kind === "finish" ? fix.verdict.target : fix.verdict.owner;
  const quarantine = openQuarantine(session);
  const isElsewhere = (action: SlotAction) => action.kind === "close-slots" && action.instance !== final.id;
  const moving = (from: string) => screen.print(`Moving slot ${slot} from ${nameOf(session, from)} to ${nameOf(session, final.id)}: `);
  let gathered: string | undefined;
  if (closing && fix.actions.some(isElsewhere))
    screen.xputs(`>>> Moving all the ${slot} slot keys to its owner ${nameOf(session, final.id)}`);
  for (const action of fix.actions) {
    switch (action.kind) {
      case "move-slots": {
        const teller = tellMoves(session, [{ slot, source: action.source, target: action.target }]);
        const quarantine = openQuarantine(session, () => teller.note(slot, REPLACING));
        await apply(session, cluster, [action], { quarantine, onSlot: teller.onSlot });
        break;
      }
      case "gather-keys":
        moving(action.source);
        await apply(session, cluster, [action], { quarantine });
        screen.puts(".".repeat(holders.find(({ node }) => node.id === action.source)?.keys ?? 0));
        gathered = action.source;
        break;
      case "close-slots":
        if (closing && isElsewhere(action) && gathered !== action.instance) {
          moving(action.instance);
          screen.puts();
        }
        await apply(session, cluster, [action], { quarantine });
        if (closing && isElsewhere(action)) screen.xputs(`>>> Setting ${slot} as STABLE in ${nameOf(session, action.instance)}`);
        break;
      case "claim-slots":
      case "disown-slots":
        await apply(session, cluster, [action], { quarantine });
        break;
      default:
        action satisfies never;
    }
  }
}

/** Applies some actions of a fix as they are. */
export async function apply(
  session: TribSession,
  { cluster }: TribCluster,
  actions: readonly SlotAction[],
  move: NonNullable<Parameters<typeof applyCluster>[3]["move"]>,
): Promise<void> {
  const plan: ClusterPlan = {
    actions: actions.map((action) => plannedAction(action, "fix")),
    findings: [],
  };
  const members = cluster.live.map(({ member }) => member);
  await applyCluster(plan, members, session.access, {
    emit: () => {},
    signal: session.host.signal,
    move: { conflict: "keep-source", ...moveSettings(session), ...move },
  });
}

/** The state of a slot before anything is done. */
function sayCase(
  session: TribSession,
  { nodes }: TribCluster,
  { case: { slot, owners, migrating, importing, holders }, verdict }: SlotFix,
): void {
  const { screen } = session;
  screen.puts(`>>> Fixing open slot ${slot}`);
  const [owner] = owners.length === 1 ? owners : [];
  const isMigrating = (node: LiveNode) => migrating.some((each) => each.node.id === node.id);
  const isImporting = (node: LiveNode) => importing.some((each) => each.node.id === node.id);
  const found = nodes.filter(
    (node) => holders.some((each) => each.node.id === node.id) && !isMigrating(node) && !isImporting(node) && node.id !== owner?.id,
  );
  for (const { id } of found) screen.xputs(`*** Found keys about slot ${slot} in node ${nameOf(session, id)}!`);
  screen.puts(`Set as migrating in: ${namesOf(session, nodes.filter(isMigrating))}`);
  screen.puts(
    `Set as importing in: ${namesOf(
      session,
      nodes.filter((node) => isImporting(node) || found.includes(node)),
    )}`,
  );
  if (owner !== undefined) return;
  screen.xputs(">>> Nobody claims ownership, selecting an owner...");
  screen.puts(`*** Configuring ${nameOf(session, verdict.owner.id)} as the slot owner`);
}

/** A slot that is open where none of the masters knows of it: at a replica. */
function sayHopeless(session: TribSession, { nodes, cluster }: TribCluster, slot: number): void {
  const { screen } = session;
  const owner = nodes.find(({ nodeId }) => nodeId === cluster.owners[slot]);
  const migrating = namesOf(
    session,
    nodes.filter(({ self }) => self.migrating.has(slot)),
  );
  const importing = namesOf(
    session,
    nodes.filter(({ self }) => self.importing.has(slot)),
  );
  screen.puts(`>>> Fixing open slot ${slot}`);
  screen.xputs(
    `[ERR] Sorry, Redis-trib can't fix this slot yet (work in progress). Slot is set as migrating in ${migrating}, as importing in ${importing}, owner is ${owner === undefined ? "" : nameOf(session, owner.id)}`,
  );
}

/** Leaves each slot that several masters own, or hold keys of, to one of them, in the words of `redis-cli --cluster fix --cluster-search-multiple-owners`. */
export async function fixOwners(session: TribSession, cluster: TribCluster, { shared, counts }: SharedSlots): Promise<void> {
  const fixes = planFix({ cluster: cluster.cluster, slots: shared.map(({ slot }) => slot), counts });
  for (const fix of fixes) {
    session.screen.xputs(`>>> Fixing multiple owners for slot ${fix.case.slot}...`);
    session.screen.xputs(`>>> Setting slot ${fix.case.slot} owner: ${nameOf(session, fix.verdict.owner.id)}`);
    await fixSlot(session, cluster, fix, false);
  }
}
