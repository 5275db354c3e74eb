import { LabError } from "../base/error.ts";
import { applyCluster } from "../cluster/apply/apply.ts";
import { type AwaitAgreementOptions, awaitAgreement } from "../cluster/gossip/await-agreement.ts";
import { eachSlot } from "../cluster/model/slots.ts";
import type { ClusterPlan } from "../cluster/model/types.ts";
import type { MovedSlot, MoveOptions } from "../cluster/move/types.ts";
import { sayWhy } from "./errors.ts";
import { Quit } from "./host.ts";
import type { TribCluster } from "./load.ts";
import { openQuarantine } from "./quarantine.ts";
import { moveSettings, nameOf, type TribSession } from "./session.ts";

/** One slot of a plan, in its order. */
export interface PlannedSlot {
  readonly slot: number;
  readonly source: string;
  readonly target: string;
}

/** Slots travel side by side and are reported one after the other, in the order of the plan. */
export interface MoveTeller {
  readonly onSlot: (moved: MovedSlot) => void;
  /** Something to say about a slot before it has arrived. */
  note(slot: number, line: string): void;
}

export function plannedSlots({ actions }: Pick<ClusterPlan, "actions">): readonly PlannedSlot[] {
  return actions.flatMap(({ action }) =>
    action.kind === "move-slots" ? [...eachSlot(action.slots)].map((slot) => ({ slot, source: action.source, target: action.target })) : [],
  );
}

/**
 * `Moving slot 13 from A to B: ` and a dot for each key. A slot that arrives before those in front of it waits for its line.
 *
 * @param before called with each slot just before its line begins
 */
export function tellMoves(session: TribSession, planned: readonly PlannedSlot[], before: (slot: number) => void = () => {}): MoveTeller {
  const { screen } = session;
  const arrived = new Map<number, number>();
  const notes = new Map<number, string[]>();
  let at = 0;
  let begun = false;
  const advance = () => {
    for (let next = planned[at]; next !== undefined; next = planned[at]) {
      const { slot, source, target } = next;
      if (!begun) {
        before(slot);
        screen.print(`Moving slot ${slot} from ${nameOf(session, source)} to ${nameOf(session, target)}: `);
        begun = true;
      }
      for (const line of notes.get(slot)?.splice(0) ?? []) screen.xputs(line);
      const keys = arrived.get(slot);
      if (keys === undefined) return;
      screen.puts(".".repeat(keys));
      at += 1;
      begun = false;
    }
  };
  advance();
  return {
    onSlot({ slot, keys }) {
      arrived.set(slot, keys);
      advance();
    },
    note(slot, line) {
      notes.set(slot, [...(notes.get(slot) ?? []), line]);
      advance();
    },
  };
}

/** `Moving 820 slots from A to B` and a `#` for each slot, pair by pair. */
export function tellPairs(
  session: TribSession,
  pairs: readonly { readonly source: string; readonly target: string; readonly slots: readonly number[] }[],
): MoveTeller {
  const { screen } = session;
  const pairOf = new Map(pairs.flatMap(({ slots }, index) => slots.map((slot) => [slot, index] as const)));
  const arrived = pairs.map(() => new Set<number>());
  let at = 0;
  let shown = -1;
  const advance = () => {
    for (let pair = pairs[at]; pair !== undefined; pair = pairs[at]) {
      if (shown < 0) {
        screen.puts(`Moving ${pair.slots.length} slots from ${nameOf(session, pair.source)} to ${nameOf(session, pair.target)}`);
        shown = 0;
      }
      const count = arrived[at]?.size ?? 0;
      screen.print("#".repeat(count - shown));
      shown = count;
      if (count < pair.slots.length) return;
      screen.puts();
      at += 1;
      shown = -1;
    }
  };
  advance();
  return {
    onSlot({ slot }) {
      arrived[pairOf.get(slot) ?? 0]?.add(slot);
      advance();
    },
    note(_slot, line) {
      session.host.warn(`redis-trib: ${line}`);
    },
  };
}

/** Applies the moves of a plan, telling how they go, and waits until all nodes know of them. @throws Quit in the words of redis-trib */
export async function applyMoves(
  session: TribSession,
  { cluster }: TribCluster,
  plan: ClusterPlan,
  teller: MoveTeller,
  more: Partial<MoveOptions> = {},
): Promise<void> {
  const { access, host } = session;
  const members = cluster.live.map(({ member }) => member);
  const moves = plan.actions.filter(({ action }) => action.kind === "move-slots");
  const replace = session.options.has("replace") ? replacing(session, plan, teller) : {};
  const move = { ...moveSettings(session), ...replace, ...more, onSlot: teller.onSlot };
  try {
    await applyCluster({ actions: moves, findings: [] }, members, access, { emit: () => {}, signal: host.signal, move });
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    session.screen.endLine();
    session.screen.xputs(`[ERR] Calling MIGRATE: ${error.what}`);
    sayWhy(session.host, error);
    // What has arrived is known to all when the next command comes.
    await awaitAgreement(members, access, { signal: host.signal });
    throw new Quit(1);
  }
  await warnUnlessAgreed(session, members);
}

/** What the target holds of a slot that it is to get is taken for a part of it, and what differs is saved before the source's value replaces it. */
function replacing(session: TribSession, plan: ClusterPlan, teller: MoveTeller): Partial<MoveOptions> {
  return {
    conflict: "keep-source",
    quarantine: openQuarantine(session, (slot) => teller.note(slot, "*** Target key exists. Replacing it.")),
    opened: new Set(plannedSlots(plan).map(({ slot }) => slot)),
  };
}

/** Waits until all nodes tell the same. @throws Quit when they do not */
export async function warnUnlessAgreed(
  { access, host, screen }: TribSession,
  members: TribCluster["members"],
  options: Pick<AwaitAgreementOptions, "everybody" | "timeoutMs"> = {},
): Promise<void> {
  const missing = await awaitAgreement(members, access, { ...options, signal: host.signal });
  if (missing === undefined) return;
  screen.endLine();
  host.warn(`redis-trib: it is done, but the nodes do not agree about it yet: ${missing}. Look with \`redis-trib check\`.`);
  throw new Quit(1);
}
