import fc from "fast-check";
import { expect, test } from "vitest";
import { HostClock } from "../../../lib/drill/timeline/clock.ts";

test("a time of a host is ours within the error of the best round trip", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 ** 50 }),
      fc.array(fc.tuple(fc.nat(20_000), fc.nat(20_000)), { minLength: 1, maxLength: 30 }),
      (ahead, trips) => {
        const clock = new HostClock();
        for (const [index, [there, back]] of trips.entries()) {
          const sent = 1_000_000 * (index + 1);
          const jumped = clock.look({ sentMicros: sent, receivedMicros: sent + there + back, saidMicros: sent + there + ahead });
          expect(jumped).toBeUndefined();
        }
        const told = clock.toMonotonic(77_000_000 + ahead)!;
        expect(Math.abs(told.t - 77_000_000)).toBeLessThanOrEqual(told.error + 1);
      },
    ),
  );
});

test("a clock that jumps is told from a slow round trip", () => {
  const clock = new HostClock();
  const look = (sent: number, ahead: number, trip = 1_000) =>
    clock.look({ sentMicros: sent, receivedMicros: sent + trip, saidMicros: sent + trip / 2 + ahead });
  expect(look(0, 5e9)).toBeUndefined();
  expect(look(1e6, 5e9, 800_000)).toBeUndefined();
  expect(look(2e6, 5e9 + 60e6)).toBe(60e6);
  expect(look(3e6, 5e9 + 60e6)).toBeUndefined();
  expect(clock.toMonotonic(9e6 + 5e9 + 60e6)?.t).toBe(9e6);
});
