import { SLOT_COUNT } from "../model/slots.ts";
import type { SlotMove } from "../move/types.ts";
import { asRanges, type Holding } from "./apportion.ts";

/** A master that takes part in a rebalance. */
export interface Weighted extends Holding {
  /** Share of the whole that it is to have, in relation to the others. 0 empties it. @default 1 */
  readonly weight: number;
}

export interface Balance {
  readonly id: string;
  /** Slots that it has too many; negative: that it lacks. */
  readonly excess: number;
}

export interface Rebalance {
  /** Empty where everybody is within the threshold. */
  readonly moves: readonly SlotMove[];
  /** In the order in which moves are made, those that take first. */
  readonly balances: readonly Balance[];
  readonly totalWeight: number;
}

/**
 * Moves slots until each master has the share that its weight gives it, as redis-trib does it (rebalance_cluster_cmd of 4.0.14): nothing while all are within the threshold; then
 * the master that lacks most takes from the one that has most. The slots that rounding leaves over go one by one to the largest remainders, and of equal ones to the master that has more already: redis-trib gives
 * them to those that lack some, over and over, and loops for ever where nobody does. Pure.
 *
 * @param thresholdPercent difference between what a master has and what it should have that is left as it is
 */
export function planRebalance(masters: readonly Weighted[], thresholdPercent: number): Rebalance {
  const totalWeight = masters.reduce((sum, { weight }) => sum + weight, 0);
  const exact = masters.map(({ weight }) => (totalWeight === 0 ? 0 : (SLOT_COUNT / totalWeight) * weight));
  const off = masters.some(({ slots }, index) => isOver(slots.length, Math.trunc(exact[index] ?? 0), thresholdPercent));
  if (!off) return { moves: [], balances: [], totalWeight };
  const all = masters.reduce((sum, { slots }) => sum + slots.length, 0);
  const wants = rounded(exact, masters, all);
  const balances = masters
    .map(({ id, slots }, index) => ({ id, excess: slots.length - (wants[index] ?? 0) }))
    .sort((a, b) => a.excess - b.excess);
  return { moves: pairUp(balances, masters), balances, totalWeight };
}

/** Shares as whole slots, as many in all as there are. */
function rounded(exact: readonly number[], masters: readonly Weighted[], all: number): readonly number[] {
  const wants = exact.map(Math.trunc);
  let rest = all - wants.reduce((sum, each) => sum + each, 0);
  const byRemainder = exact
    .map((share, index) => ({ index, remainder: share - Math.trunc(share), has: masters[index]?.slots.length ?? 0 }))
    .filter(({ index }) => (masters[index]?.weight ?? 0) > 0)
    .sort((a, b) => b.remainder - a.remainder || b.has - a.has || a.index - b.index);
  for (const { index } of byRemainder) {
    if (rest <= 0) break;
    wants[index] = (wants[index] ?? 0) + 1;
    rest -= 1;
  }
  return wants;
}

function isOver(has: number, wants: number, thresholdPercent: number): boolean {
  if (thresholdPercent <= 0) return false;
  return has > 0 ? Math.abs(100 - (100 * wants) / has) > thresholdPercent : wants > 0;
}

/** Takers from the front, givers from the back. */
function pairUp(balances: readonly Balance[], masters: readonly Holding[]): readonly SlotMove[] {
  const open = balances.map((each) => ({ ...each }));
  const slots = new Map(masters.map((each) => [each.id, [...each.slots]]));
  const moves: SlotMove[] = [];
  let taker = 0;
  let giver = open.length - 1;
  while (taker < giver) {
    const [to, from] = [open[taker], open[giver]];
    if (to === undefined || from === undefined) break;
    const count = Math.min(Math.abs(to.excess), Math.abs(from.excess));
    if (count > 0) {
      const moved = slots.get(from.id)?.splice(0, count) ?? [];
      moves.push({ source: from.id, target: to.id, slots: asRanges(moved) });
    }
    to.excess += count;
    from.excess -= count;
    if (to.excess === 0) taker += 1;
    if (from.excess === 0) giver -= 1;
  }
  return moves;
}

/** A master with what each of its slots weighs: keys, bytes, or operations per second. */
export interface Loaded extends Weighted {
  /** By slot; what is not named weighs nothing. */
  readonly loads: ReadonlyMap<number, number>;
}

/**
 * Moves slots until the load of each master is within the threshold of its share. The heaviest slot that fits goes from who has most to who has least; a slot that is heavier
 * than all there is to even out stays. Pure.
 */
export function planRebalanceByLoad(masters: readonly Loaded[], thresholdPercent: number): Rebalance {
  const totalWeight = masters.reduce((sum, { weight }) => sum + weight, 0);
  const total = masters.reduce((sum, { loads }) => sum + loadOf(loads), 0);
  const state = masters.map(({ id, weight, slots, loads }) => ({
    id,
    wants: totalWeight === 0 ? 0 : (total / totalWeight) * weight,
    has: loadOf(loads),
    // The heaviest first.
    slots: slots.map((slot) => ({ slot, load: loads.get(slot) ?? 0 })).sort((a, b) => b.load - a.load || a.slot - b.slot),
  }));
  const moved = new Map<string, Map<string, number[]>>();
  const tolerance = (wants: number) => (wants * thresholdPercent) / 100;
  for (;;) {
    const byExcess = [...state].sort((a, b) => b.has - b.wants - (a.has - a.wants));
    const [giver, taker] = [byExcess[0], byExcess.at(-1)];
    if (giver === undefined || taker === undefined || giver === taker) break;
    const surplus = giver.has - giver.wants;
    const room = taker.wants - taker.has;
    if (surplus <= tolerance(giver.wants) && room <= tolerance(taker.wants)) break;
    const gap = Math.min(surplus, room);
    const fitting = giver.slots.findIndex(({ load }) => load > 0 && load <= gap);
    // Of those that are too heavy the lightest may still be better than nothing; twice the gap would only turn the tables.
    const at = fitting >= 0 ? fitting : giver.slots.findLastIndex(({ load }) => load > 0);
    const [slot] = at < 0 ? [] : giver.slots.splice(at, 1);
    if (slot === undefined || slot.load >= 2 * gap) break;
    giver.has -= slot.load;
    taker.has += slot.load;
    const from = moved.get(giver.id) ?? new Map<string, number[]>();
    moved.set(giver.id, from.set(taker.id, [...(from.get(taker.id) ?? []), slot.slot]));
  }
  const moves = [...moved].flatMap(([source, targets]) =>
    [...targets].map(([target, slots]) => ({ source, target, slots: asRanges(slots) })),
  );
  const balances = masters
    .map(({ id, loads }, index) => ({ id, excess: loadOf(loads) - (state[index]?.wants ?? 0) }))
    .sort((a, b) => a.excess - b.excess);
  return { moves, balances, totalWeight };
}

function loadOf(loads: ReadonlyMap<number, number>): number {
  return [...loads.values()].reduce((sum, each) => sum + each, 0);
}
