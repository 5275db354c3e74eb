import { expect, test } from "vitest";
import { Gaps, MOST_GAPS } from "../../../lib/drill/load/gaps.ts";

test("a gap is from the last acknowledgement before an error to the first one after it", () => {
  const gaps = new Gaps(0);
  gaps.acknowledged(10);
  gaps.failed(12);
  gaps.failed(15);
  gaps.acknowledged(20);
  gaps.acknowledged(30);
  expect(gaps.longest).toEqual([{ from: 10, to: 20, firstError: 12, lastError: 15, errors: 2 }]);
  expect(gaps.count).toBe(1);
});

test("one that lasts until the end has no end, and one from the beginning on begins there", () => {
  const gaps = new Gaps(100);
  gaps.failed(150);
  expect(gaps.longest).toEqual([{ from: 100, to: undefined, firstError: 150, lastError: 150, errors: 1 }]);
  expect(gaps.count).toBe(1);
});

test("a silence without an error is no gap", () => {
  const gaps = new Gaps(0);
  gaps.acknowledged(10);
  gaps.acknowledged(1e9);
  expect(gaps.count).toBe(0);
});

test("of many the longest are kept, and all are counted", () => {
  const gaps = new Gaps(0);
  let at = 0;
  for (let length = 1; length <= 100; length += 1) {
    gaps.acknowledged(at + 1);
    gaps.failed(at + 1);
    at += 1 + length;
    gaps.acknowledged(at);
  }
  expect(gaps.count).toBe(100);
  expect(gaps.longest.map(({ from, to }) => (to ?? 0) - from)).toEqual(Array.from({ length: MOST_GAPS }, (_, index) => 81 + index));
});
