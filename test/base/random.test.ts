import { expect, test } from "vitest";
import { randomFrom } from "../../lib/base/random.ts";

test("the same seed gives the same numbers, another one others, all in [0, 1) and evenly", () => {
  const numbers = (seed: number) => {
    const random = randomFrom(seed);
    return Array.from({ length: 10_000 }, random);
  };
  expect(numbers(5)).toEqual(numbers(5));
  expect(numbers(5)).not.toEqual(numbers(6));
  expect(numbers(5).every((value) => value >= 0 && value < 1)).toBe(true);
  expect(numbers(5).reduce((sum, value) => sum + value) / 10_000).toBeCloseTo(0.5, 1);
});
