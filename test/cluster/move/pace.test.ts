import { expect, test } from "vitest";
import { nextBatch, timeoutFor } from "../../../lib/cluster/move/batches.ts";
import { makePace } from "../../../lib/cluster/move/pace.ts";

const batch = (keys: number, bytes = 0) => ({ keys: Array.from({ length: keys }, () => Buffer.from("k")), bytes });

test("without a throttle everything is let through, in full batches", () => {
  const pace = makePace({ pipeline: 512, throttle: undefined });
  expect(pace.limits).toEqual({ keys: 512, bytes: 1 << 20 });
  for (let count = 0; count < 1000; count += 1) expect(pace.take(batch(512, 1e9))).toBe(true);
});

test("keys per second: a tenth of a second's worth at once, then as time goes by", () => {
  let now = 0;
  const pace = makePace({ pipeline: 512, throttle: { keysPerSecond: 100 }, now: () => now });
  expect(pace.limits.keys).toBe(10);
  expect(pace.take(batch(10))).toBe(true);
  expect(pace.take(batch(10))).toBe(false);
  now = 99;
  expect(pace.take(batch(10))).toBe(false);
  now = 101;
  expect(pace.take(batch(10))).toBe(true);
  // Nothing is saved up.
  now = 10_000;
  expect(pace.take(batch(10))).toBe(true);
  expect(pace.take(batch(10))).toBe(false);
  expect(pace.reason()).toBe("its turn");
});

test("bytes per second: a value that is larger than a turn is sent, and paid for afterwards", () => {
  let now = 0;
  const pace = makePace({ pipeline: 512, throttle: { bytesPerSecond: 1000 }, now: () => now });
  expect(pace.take(batch(1, 5000))).toBe(true);
  now = 4000;
  expect(pace.take(batch(1, 1))).toBe(false);
  now = 5001;
  expect(pace.take(batch(1, 1))).toBe(true);
});

test("a ceiling of latency: batches shrink as soon as one takes too long, and grow slowly; while it is exceeded nothing is sent", () => {
  let latency = 0;
  const pace = makePace({ pipeline: 512, throttle: { maxLatencyMs: 10 }, latency: () => latency });
  expect(pace.limits.keys).toBe(16);
  pace.took(1);
  expect(pace.limits.keys).toBe(20);
  pace.took(9);
  expect(pace.limits.keys).toBe(10);
  pace.took(7);
  expect(pace.limits.keys).toBe(10);
  latency = 20;
  expect(pace.take(batch(1))).toBe(false);
  expect(pace.reason()).toBe("a latency below 10 ms (it is 20.0 ms)");
  for (let count = 0; count < 20; count += 1) pace.took(1);
  expect(pace.limits.keys).toBe(1);
});

test("a batch holds at least one key, at most its limits, and a key that fills it is alone", () => {
  const keys = ["a", "b", "c", "d"].map((name) => Buffer.from(name));
  const sizes = [10, 2000, 10, 10];
  const at = (from: number, limits = { keys: 10, bytes: 1000 }) => nextBatch(keys, (index) => sizes[index] ?? 0, from, limits);
  expect(at(0)).toEqual({ keys: keys.slice(0, 1), bytes: 10 });
  expect(at(1)).toEqual({ keys: keys.slice(1, 2), bytes: 2000 });
  expect(at(2)).toEqual({ keys: keys.slice(2), bytes: 20 });
  expect(at(2, { keys: 1, bytes: 1000 }).keys).toHaveLength(1);
});

test("MIGRATE gets the time that a large value needs at four MiB a second", () => {
  expect(timeoutFor(1000, 60_000)).toBe(60_000);
  expect(timeoutFor(400 << 20, 60_000)).toBe(100_000);
});
