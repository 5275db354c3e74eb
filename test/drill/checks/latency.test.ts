import fc from "fast-check";
import { expect, test } from "vitest";
import { LatencyHistogram, LatencySlices } from "../../../lib/drill/checks/latency.ts";

test("quantiles are those of the sorted values, within 1 %", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50_000_000), { minLength: 1, maxLength: 200 }), fc.constantFrom(0.5, 0.99, 0.999, 1), (values, share) => {
      const histogram = new LatencyHistogram();
      for (const value of values) histogram.add(value);
      const sorted = [...values].sort((a, b) => a - b);
      const exact = sorted[Math.max(0, Math.ceil(values.length * share) - 1)] ?? 0;
      const told = histogram.quantile(share) ?? -1;
      expect(told).toBeGreaterThanOrEqual(exact);
      expect(told).toBeLessThanOrEqual(exact * 1.01 + 1);
    }),
  );
});

test("a day of slices stays bounded, and none is lost", () => {
  const slices = new LatencySlices();
  for (let second = 0; second < 86_400; second += 7) slices.add(second * 1_000_000, second);
  const sum = slices.between(0, Number.POSITIVE_INFINITY);
  expect(sum.count).toBe(Math.ceil(86_400 / 7));
  expect(sum.max).toBe(86_394);
});
