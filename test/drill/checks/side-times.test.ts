import fc from "fast-check";
import { expect, test } from "vitest";
import { SideTimes } from "../../../lib/drill/checks/side-times.ts";

test("the longest silence ends with an acknowledgement after the fault, or with the load", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1_000), { maxLength: 40 }), fc.nat(1_000), fc.nat(1_200), (acks, since, end) => {
      const times = [...acks].sort((a, b) => a - b);
      const side = new SideTimes(since);
      for (const t of times) side.acknowledged(t);
      const last = times.at(-1);
      const gaps = times.slice(1).flatMap((t, index) => (t >= since ? [t - (times[index] ?? 0)] : []));
      const expected = Math.max(0, ...gaps, ...(last !== undefined && end > last ? [end - last] : []));
      const seen = side.longest(end);
      expect((seen?.toMicros ?? 0) - (seen?.fromMicros ?? 0)).toBe(expected);
    }),
  );
});

test("an outage is from the first error after the fault to the last", () => {
  const side = new SideTimes(100);
  side.failed(10, 20);
  expect(side.outage).toBeUndefined();
  side.failed(90, 110);
  side.acknowledged(150);
  side.failed(300, 320);
  expect(side.outage).toEqual({ fromMicros: 100, toMicros: 320 });
});
