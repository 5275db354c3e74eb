import { expect, test } from "vitest";
import { memoryBytes } from "../../lib/redis/memory-units.ts";

test("amounts of memory as redis.conf has them", () => {
  const cases = { "4096": 4096, "10b": 10, "1k": 1000, "1kb": 1024, "3m": 3_000_000, "64MB": 67_108_864, "2G": 2e9, "2gb": 2 ** 31 };
  expect(Object.keys(cases).map(memoryBytes)).toEqual(Object.values(cases));
});

test("what is not an amount", () => {
  expect(["", "mb", "1.5gb", "-1", "1tb", "yes", "1 kb"].map(memoryBytes)).toEqual(Array(7).fill(undefined));
});
