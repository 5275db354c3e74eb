import { expect, test } from "vitest";
import { Schedule } from "../../../lib/drill/load/schedule.ts";

function allOf(schedule: Schedule, most = 10_000): number[] {
  const due: number[] = [];
  for (let next = schedule.next; next !== undefined && due.length < most; next = schedule.next) {
    due.push(next);
    schedule.take();
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
