import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { allocateSlots, countSlots, eachSlot, SLOT_COUNT } from "../../../lib/cluster/model/slots.ts";
import { planRebalance, planRebalanceByLoad, type Weighted } from "../../../lib/cluster/plan/rebalance.ts";

function created(count: number, weights: readonly number[] = []): Weighted[] {
  return allocateSlots(count).map((range, index) => ({ id: `m${index + 1}`, slots: [...eachSlot([range])], weight: weights[index] ?? 1 }));
}

function sizesAfter(masters: readonly Weighted[], moves: ReturnType<typeof planRebalance>["moves"]): number[] {
  const sizes = new Map(masters.map(({ id, slots }) => [id, new Set(slots)]));
  for (const { source, target, slots } of moves)
    for (const slot of eachSlot(slots)) {
      if (sizes.get(source)?.delete(slot) !== true) throw new Error(`${source} does not have ${slot}`);
      sizes.get(target)?.add(slot);
    }
  return masters.map(({ id }) => sizes.get(id)?.size ?? 0);
}

describe("by slots", () => {
  test("a new cluster is left as it is", () => {
    expect(planRebalance(created(3), 2)).toMatchObject({ moves: [], totalWeight: 3 });
  });

  test("an empty master gets its share from the master that has most, and a weight of 0 empties one", () => {
    const four = [...created(3), { id: "m4", slots: [], weight: 1 }];
    const { moves } = planRebalance(four, 2);
    expect(sizesAfter(four, moves)).toEqual([4096, 4096, 4096, 4096]);
    const emptied = four.map((each, index) => ({
      ...each,
      slots: [...Array(SLOT_COUNT).keys()].filter((slot) => slot % 4 === index),
      weight: index === 3 ? 0 : 1,
    }));
    const back = planRebalance(emptied, 2);
    // As redis-trib itself was seen to do it: 1366, 1365 and 1365.
    expect(back.moves.map(({ source, target, slots }) => `${source} ${target} ${countSlots(slots)}`)).toEqual([
      "m4 m1 1366",
      "m4 m2 1365",
      "m4 m3 1365",
    ]);
    expect(back.totalWeight).toBe(3);
  });

  test("weights are shares", () => {
    const masters = created(3, [2, 1, 1]);
    expect(sizesAfter(masters, planRebalance(masters, 2).moves)).toEqual([8192, 4096, 4096]);
  });

  test("within the threshold nothing moves, above it all of it", () => {
    const masters = created(2).map((each, index) => ({
      ...each,
      slots: [...Array(SLOT_COUNT).keys()].slice(index * 8300, index === 0 ? 8300 : SLOT_COUNT),
    }));
    expect(planRebalance(masters, 2).moves).toEqual([]);
    expect(sizesAfter(masters, planRebalance(masters, 1).moves)).toEqual([8192, 8192]);
    // Zero and less mean no threshold that could be passed, as redis-trib has it.
    expect(planRebalance(masters, 0).moves).toEqual([]);
  });

  test("201 masters of which one is empty: it ends, and all are even (issue 4941 of redis)", () => {
    const masters: Weighted[] = [...created(200), { id: "new", slots: [], weight: 1 }];
    const sizes = sizesAfter(masters, planRebalance(masters, 2).moves);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(2);
  });

  test("whatever the masters have and weigh, it ends near their shares, and a hundred are planned at once", () => {
    fc.assert(
      fc.property(
        fc
          .array(fc.record({ weight: fc.integer({ min: 0, max: 5 }), part: fc.nat(100) }), { minLength: 1, maxLength: 30 })
          .filter((all) => all.some(({ weight }) => weight > 0)),
        (parts) => {
          const whole = parts.reduce((sum, { part }) => sum + part, 0) || 1;
          let at = 0;
          const masters = parts.map(({ weight, part }, index): Weighted => {
            const last = index === parts.length - 1 ? SLOT_COUNT : Math.floor(at + (part / whole) * SLOT_COUNT);
            const slots = Array.from({ length: Math.max(0, last - at) }, (_, offset) => at + offset);
            at = Math.max(at, last);
            return { id: `m${index}`, slots, weight };
          });
          const { moves, totalWeight } = planRebalance(masters, 0.001);
          const sizes = sizesAfter(masters, moves);
          expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(SLOT_COUNT);
          masters.forEach(({ weight }, index) => {
            const wants = (SLOT_COUNT / totalWeight) * weight;
            expect(Math.abs((sizes[index] ?? 0) - wants)).toBeLessThanOrEqual(masters.length);
          });
        },
      ),
    );
  });
});

describe("by load", () => {
  test("a hot slot and its neighbours: load is even, though slots are not", () => {
    const masters = created(2).map((each, index) => ({
      ...each,
      loads: new Map(
        index === 0
          ? [
              [0, 600],
              [1, 200],
              [2, 200],
            ]
          : [[9000, 100]],
      ),
    }));
    const { moves } = planRebalanceByLoad(masters, 2);
    expect(moves).toEqual([{ source: "m1", target: "m2", slots: [{ first: 1, last: 2 }] }]);
  });

  test("a slot that is too heavy for anybody stays, and nothing turns round and round", () => {
    const masters = created(2).map((each, index) => ({ ...each, loads: new Map(index === 0 ? [[0, 1000]] : []) }));
    expect(planRebalanceByLoad(masters, 2).moves).toEqual([]);
  });

  test("the largest difference never grows, and what is moved is owned", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { minLength: 3, maxLength: 200 }), fc.integer({ min: 2, max: 6 }), (weights, count) => {
        const masters = created(count).map((each) => ({
          ...each,
          loads: new Map(
            weights.map((load, index) => [(index * 97) % SLOT_COUNT, load] as const).filter(([slot]) => each.slots.includes(slot)),
          ),
        }));
        const { moves } = planRebalanceByLoad(masters, 2);
        const load = (slot: number) => masters.reduce((sum, { loads }) => sum + (loads.get(slot) ?? 0), 0);
        const before = masters.map(({ loads }) => [...loads.values()].reduce((sum, each) => sum + each, 0));
        const afterwards = [...before];
        for (const { source, target, slots } of moves)
          for (const slot of eachSlot(slots)) {
            const at = (id: string) => masters.findIndex((each) => each.id === id);
            expect(masters[at(source)]?.slots).toContain(slot);
            afterwards[at(source)] = (afterwards[at(source)] ?? 0) - load(slot);
            afterwards[at(target)] = (afterwards[at(target)] ?? 0) + load(slot);
          }
        const spread = (all: readonly number[]) => Math.max(...all) - Math.min(...all);
        expect(spread(afterwards)).toBeLessThanOrEqual(spread(before) + 1e-9);
      }),
    );
  });
});
