import { expect, test } from "vitest";
import { Latencies } from "../../../lib/drill/load/latencies.ts";

test("percentiles of even latencies, to three digits", () => {
  const latencies = new Latencies();
  for (let ms = 1; ms <= 1000; ms += 1) latencies.add(ms * 1000);
  const { count, p50, p99, p999, max } = latencies.summary;
  expect(count).toBe(1000);
  for (const [seen, wanted] of [
    [p50, 500],
    [p99, 990],
    [p999, 999],
    [max, 1000],
  ] as const)
    expect(Math.abs(seen - wanted) / wanted).toBeLessThan(0.002);
});

test("of nothing there are zeros, and after a reset there is nothing", () => {
  const latencies = new Latencies();
  const nothing = { count: 0, p50: 0, p99: 0, p999: 0, max: 0 };
  expect(latencies.summary).toEqual(nothing);
  latencies.add(5_000_000);
  latencies.reset();
  expect(latencies.summary).toEqual(nothing);
});

test("what a clock that is a moment off gives, and what takes for ever, is taken", () => {
  const latencies = new Latencies();
  latencies.add(-3);
  latencies.add(1e12);
  expect(latencies.summary.count).toBe(2);
  expect(latencies.summary.max).toBeGreaterThan(590_000);
});
