import { expect, test } from "vitest";
import { Schedule } from "../../../lib/drill/load/schedule.ts";

function allOf(schedule: Schedule, most = 10_000): number[] {
  const due: number[] = [];
  for (let next = schedule.next; next !== undefined && due.length < most; next = schedule.next) {
    schedule.advance(next);
    for (let number = due.length; number < schedule.count; number += 1) due.push(schedule.dueOf(number));
  }
  return due;
}

test("operations are due in even steps from the beginning on, and none at or after the end", () => {
  expect(allOf(new Schedule(5_000, 1000, 4))).toEqual([5_000, 6_000, 7_000, 8_000]);
});

test("a rate that is no whole number of microseconds apart does not drift", () => {
  const due = allOf(new Schedule(0, 300, 10_000));
  expect(due).toHaveLength(3000);
  expect(due.at(-1)).toBeCloseTo((2999 * 1e6) / 300, 3);
});

test("without an end there is always a next one", () => {
  const schedule = new Schedule(0, 10, undefined);
  expect(allOf(schedule, 500)).toHaveLength(500);
  expect(schedule.count).toBe(500);
  expect(schedule.next).toBe(50_000_000);
});

test("how many are due before a moment, also at the very moment of one and with steps that are no whole microseconds", () => {
  for (const rate of [1, 3, 1000, 7_777, 300_000]) {
    const schedule = new Schedule(18_000_000_000, rate, 2_000);
    for (const number of [0, 1, 2, rate - 1, rate, 2 * rate - 1]) {
      const due = schedule.dueOf(number);
      if (number >= 2 * rate) continue;
      expect(schedule.dueBefore(due), `${rate}/s, ${number}`).toBe(number);
      expect(schedule.dueBefore(due + 0.01), `${rate}/s, ${number}`).toBe(number + 1);
    }
    expect(schedule.dueBefore(1e12)).toBe(2 * rate);
  }
});
