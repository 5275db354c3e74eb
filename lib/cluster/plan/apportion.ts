import type { SlotRange } from "../../redis/types.ts";
import { eachSlot } from "../model/slots.ts";
import { type Component, mastersOf, ownSlots } from "../model/topology.ts";
import type { SlotMove } from "../move/types.ts";

/** A master with what it owns, as the planners of moves need it. */
export interface Holding {
  readonly id: string;
  /** Ascending. */
  readonly slots: readonly number[];
}

/**
 * How a number of slots is shared among those who give them, in proportion to what they have.
 *
 * - `redis-trib`: the largest gives its share rounded up, all others rounded down (compute_reshard_table in redis-trib.rb of 4.0.14): with many sources fewer than asked for.
 * - `largest-remainder`: rounded down, and the rest from those whose share was cut most: always as many as asked for.
 */
export type Apportioning = "redis-trib" | "largest-remainder";

/** How many slots each source gives, the largest source first; those that give none are left out. */
export function apportion(
  sources: readonly Holding[],
  count: number,
  how: Apportioning,
): readonly { readonly source: Holding; readonly count: number }[] {
  const sorted = [...sources].sort((a, b) => b.slots.length - a.slots.length);
  const total = sorted.reduce((sum, { slots }) => sum + slots.length, 0);
  if (total === 0) return [];
  const exact = sorted.map((source) => ({ source, share: (count / total) * source.slots.length }));
  const counts = how === "redis-trib" ? roundedByTrib(exact, count) : byLargestRemainder(exact, Math.min(count, total));
  return counts.filter((each) => each.count > 0);
}

type Share = { readonly source: Holding; readonly share: number };

function roundedByTrib(shares: readonly Share[], most: number): { readonly source: Holding; readonly count: number }[] {
  let left = most;
  return shares.map(({ source, share }, index) => {
    const count = Math.min(left, source.slots.length, index === 0 ? Math.ceil(share) : Math.floor(share));
    left -= count;
    return { source, count };
  });
}

function byLargestRemainder(shares: readonly Share[], count: number): { readonly source: Holding; readonly count: number }[] {
  const counts = shares.map(({ share }) => Math.floor(share));
  let left = count - counts.reduce((sum, each) => sum + each, 0);
  const byRemainder = shares
    .map(({ share }, index) => ({ index, remainder: share - Math.floor(share) }))
    .sort((a, b) => b.remainder - a.remainder || a.index - b.index);
  for (const { index } of byRemainder) {
    if (left === 0) break;
    counts[index] = (counts[index] ?? 0) + 1;
    left -= 1;
  }
  return shares.map(({ source }, index) => ({ source, count: counts[index] ?? 0 }));
}

/** Slots to one target, the lowest of each source first. */
export function planReshard(sources: readonly Holding[], target: string, count: number, how: Apportioning): readonly SlotMove[] {
  return apportion(sources, count, how).map((each) => ({
    source: each.source.id,
    target,
    slots: asRanges(each.source.slots.slice(0, each.count)),
  }));
}

/** Masters that own nothing yet take their equal share of all slots, from each other master in proportion to what it has. */
export function planGrowth(owners: readonly Holding[], newcomers: readonly string[]): readonly SlotMove[] {
  const total = owners.reduce((sum, { slots }) => sum + slots.length, 0);
  const masters = owners.length + newcomers.length;
  const shares = newcomers.map((_, index) => Math.floor(total / masters) + (index < total % masters ? 1 : 0));
  const given = apportion(
    owners,
    shares.reduce((sum, share) => sum + share, 0),
    "largest-remainder",
  );
  let left: readonly Holding[] = given.map(({ source: { id, slots }, count }) => ({ id, slots: slots.slice(0, count) }));
  return newcomers.flatMap((target, index) => {
    const moves = planReshard(left, target, shares[index] ?? 0, "largest-remainder");
    left = without(left, moves);
    return moves;
  });
}

/** The slots of masters that leave, to those that stay: the one that has least is filled up first, so that they end as even as they can. */
export function planDrain(leaving: readonly Holding[], staying: readonly Holding[]): readonly SlotMove[] {
  if (staying.length === 0) return [];
  const sizes = new Map(staying.map(({ id, slots }) => [id, slots.length]));
  const taken = new Map<string, Map<string, number>>();
  for (const { id: source, slots } of leaving) {
    for (let count = slots.length; count > 0; count -= 1) {
      const [target] = [...sizes].reduce((least, each) => (each[1] < least[1] ? each : least));
      sizes.set(target, (sizes.get(target) ?? 0) + 1);
      const from = taken.get(source) ?? new Map<string, number>();
      taken.set(source, from.set(target, (from.get(target) ?? 0) + 1));
    }
  }
  return leaving.flatMap(({ id: source, slots }) => {
    let at = 0;
    return staying.flatMap(({ id: target }) => {
      const count = taken.get(source)?.get(target) ?? 0;
      at += count;
      return count === 0 ? [] : [{ source, target, slots: asRanges(slots.slice(at - count, at)) }];
    });
  });
}

function without(holdings: readonly Holding[], moves: readonly SlotMove[]): readonly Holding[] {
  return holdings.map(({ id, slots }) => {
    const gone = moves.filter(({ source }) => source === id).flatMap((move) => move.slots);
    return { id, slots: slots.filter((slot) => !gone.some(({ first, last }) => first <= slot && slot <= last)) };
  });
}

export function asRanges(slots: readonly number[]): readonly SlotRange[] {
  const ranges: { first: number; last: number }[] = [];
  for (const slot of [...slots].sort((a, b) => a - b)) {
    const range = ranges.at(-1);
    if (range !== undefined && slot <= range.last + 1) range.last = slot;
    else ranges.push({ first: slot, last: slot });
  }
  return ranges;
}

/** The masters of a cluster with what they own. */
export function holdings(cluster: Component): readonly Holding[] {
  return mastersOf(cluster).map((node) => ({ id: node.id, slots: [...eachSlot(ownSlots(node))] }));
}
