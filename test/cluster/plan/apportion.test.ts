import fc from "fast-check";
import { expect, test } from "vitest";
import { allocateSlots, countSlots, eachSlot, SLOT_COUNT } from "../../../lib/cluster/model/slots.ts";
import type { SlotMove } from "../../../lib/cluster/move/types.ts";
import { type Apportioning, apportion, type Holding, planDrain, planGrowth, planReshard } from "../../../lib/cluster/plan/apportion.ts";

/** Masters with the slots that a new cluster gives them. */
function created(count: number): Holding[] {
  return allocateSlots(count).map((range, index) => ({ id: `m${index + 1}`, slots: [...eachSlot([range])] }));
}

/** All slots, dealt to some masters by a list of numbers. */
function dealt(count: number, picks: readonly number[]): Holding[] {
  const slots = Array.from({ length: count }, (): number[] => []);
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) slots[(picks[slot % picks.length] ?? 0) % count]?.push(slot);
  return slots.map((each, index) => ({ id: `m${index + 1}`, slots: each }));
}

const clusters = fc
  .tuple(fc.integer({ min: 1, max: 9 }), fc.array(fc.nat(8), { minLength: 1, maxLength: 60 }))
  .map(([count, picks]) => dealt(count, picks));

function counts(moves: readonly SlotMove[]): Record<string, number> {
  return Object.fromEntries(moves.map(({ source, target, slots }) => [`${source} → ${target}`, countSlots(slots)]));
}

/** Who owns what after moves; a slot that a node gives and does not have is a fault. */
function after(holdings: readonly Holding[], moves: readonly SlotMove[]): Map<string, Set<number>> {
  const state = new Map(holdings.map(({ id, slots }) => [id, new Set(slots)]));
  for (const { source, target, slots } of moves)
    for (const slot of eachSlot(slots)) {
      if (state.get(source)?.delete(slot) !== true) throw new Error(`${source} does not have ${slot}`);
      state.set(target, (state.get(target) ?? new Set()).add(slot));
    }
  return state;
}

test("ten slots from the three masters of a new cluster: four of the largest, three of the others, the lowest of each", () => {
  const moves = planReshard(created(3), "m4", 10, "redis-trib");
  expect(moves).toEqual([
    { source: "m2", target: "m4", slots: [{ first: 5461, last: 5464 }] },
    { source: "m1", target: "m4", slots: [{ first: 0, last: 2 }] },
    { source: "m3", target: "m4", slots: [{ first: 10923, last: 10925 }] },
  ]);
  expect(planReshard(created(3), "m4", 10, "largest-remainder")).toEqual(moves);
});

test("with many sources redis-trib's rounding gives less than was asked for, the other one exactly that", () => {
  const total = (how: Apportioning) => apportion(created(50), 60, how).reduce((sum, { count }) => sum + count, 0);
  expect(total("redis-trib")).toBe(51);
  expect(total("largest-remainder")).toBe(60);
});

test("nobody gives more than there is, and no more than was asked for", () => {
  fc.assert(
    fc.property(clusters, fc.nat(20_000), fc.constantFrom<Apportioning>("redis-trib", "largest-remainder"), (holdings, count, how) => {
      const moves = planReshard(holdings, "new", count, how);
      const got = after(holdings, moves).get("new")?.size ?? 0;
      expect(got).toBeLessThanOrEqual(count);
      if (how === "largest-remainder") expect(got).toBe(Math.min(count, SLOT_COUNT));
    }),
  );
});

test("a fourth master of four gets a quarter", () => {
  expect(counts(planGrowth(created(3), ["m4"]))).toEqual({ "m2 → m4": 1366, "m1 → m4": 1365, "m3 → m4": 1365 });
});

test("newcomers end with equal shares, and the others as even as they were", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 5 }), (owners, count) => {
      const newcomers = Array.from({ length: count }, (_, index) => `n${index}`);
      const sizes = [...after(created(owners), planGrowth(created(owners), newcomers)).values()].map(({ size }) => size);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(SLOT_COUNT);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }),
  );
});

test("the slots of one of four go to the others, which are even again", () => {
  const grown = [...after(created(3), planGrowth(created(3), ["m4"]))].map(
    ([id, slots]): Holding => ({ id, slots: [...slots].sort((a, b) => a - b) }),
  );
  const leaving = grown.filter(({ id }) => id === "m4");
  const staying = grown.filter(({ id }) => id !== "m4");
  const sizes = [...after(grown, planDrain(leaving, staying))].map(([id, { size }]) => `${id} ${size}`);
  expect(sizes).toEqual(["m1 5462", "m2 5461", "m3 5461", "m4 0"]);
  expect(planDrain(leaving, [])).toEqual([]);
});

test("who leaves ends without slots, nobody who stays gives any, and who has least gets most", () => {
  fc.assert(
    fc.property(clusters, fc.nat(7), (holdings, many) => {
      const leaving = holdings.slice(0, Math.min(many, holdings.length - 1));
      const staying = holdings.slice(leaving.length);
      const moves = planDrain(leaving, staying);
      const sizes = after(holdings, moves);
      expect(leaving.map(({ id }) => sizes.get(id)?.size)).toEqual(leaving.map(() => 0));
      for (const { id, slots } of staying) expect(sizes.get(id)?.size).toBeGreaterThanOrEqual(slots.length);
      const got = staying.filter(({ id, slots }) => (sizes.get(id)?.size ?? 0) > slots.length).map(({ id }) => sizes.get(id)?.size ?? 0);
      const all = staying.map(({ id }) => sizes.get(id)?.size ?? 0);
      // A master that got something is not above any other by more than one.
      if (got.length > 0) expect(Math.max(...got) - Math.min(...all)).toBeLessThanOrEqual(1);
    }),
  );
});
