import fc from "fast-check";
import { expect, test } from "vitest";
import {
  allocateSlots,
  countSlots,
  eachSlot,
  formatRanges,
  keySlot,
  rangesWhere,
  SLOT_COUNT,
  withoutSlots,
} from "../../../lib/cluster/model/slots.ts";

test("three masters share the slots as redis-trib shares them", () => {
  expect(formatRanges(allocateSlots(3))).toBe("0-5460,5461-10922,10923-16383");
  expect(allocateSlots(3).map((range) => countSlots([range]))).toEqual([5461, 5462, 5461]);
  expect(formatRanges(allocateSlots(1))).toBe("0-16383");
  expect(formatRanges(allocateSlots(5))).toBe("0-3276,3277-6553,6554-9829,9830-13106,13107-16383");
});

test("any number of masters gets every slot once, in order, and nearly the same share", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), (masters) => {
      const ranges = allocateSlots(masters);
      expect(ranges.length).toBe(masters);
      expect([...eachSlot(ranges)]).toEqual(Array.from({ length: SLOT_COUNT }, (_, slot) => slot));
      const shares = ranges.map((range) => countSlots([range]));
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(2);
    }),
    { numRuns: 20 },
  );
  for (const masters of [0, -1, 1.5, SLOT_COUNT + 1]) expect(() => allocateSlots(masters)).toThrow(RangeError);
});

test("keys fall into the slots that the specification gives", () => {
  expect(keySlot("123456789")).toBe(0x31c3 % SLOT_COUNT);
  expect(keySlot("foo")).toBe(12182);
  expect(keySlot("")).toBe(0);
  expect(keySlot("{user1000}.following")).toBe(keySlot("user1000"));
  expect(keySlot("foo{}{bar}")).not.toBe(keySlot("bar"));
  expect(keySlot("foo{{bar}}zap")).toBe(keySlot("{bar"));
  expect(keySlot("foo{bar}{zap}")).toBe(keySlot("bar"));
  expect(keySlot("foo{bar")).not.toBe(keySlot("bar"));
});

test("ranges and sets of slots are the same thing", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 0, max: SLOT_COUNT - 1 })),
      fc.uniqueArray(fc.integer({ min: 0, max: SLOT_COUNT - 1 })),
      (one, two) => {
        const [a, b] = [new Set(one), new Set(two)];
        const [x, y] = [rangesWhere((slot) => a.has(slot)), rangesWhere((slot) => b.has(slot))];
        expect([...eachSlot(x)]).toEqual([...one].sort((m, n) => m - n));
        expect([...eachSlot(withoutSlots(x, y))]).toEqual(one.filter((slot) => !b.has(slot)).sort((m, n) => m - n));
      },
    ),
    { numRuns: 30 },
  );
  expect(formatRanges([])).toBe("none");
  expect(formatRanges([{ first: 3, last: 3 }])).toBe("3");
});
