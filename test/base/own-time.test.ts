import { afterEach, expect, test, vi } from "vitest";
import { afterOwnTime } from "../../lib/base/own-time.ts";

afterEach(() => {
  vi.useRealTimers();
});

test("what arrived while the process got no turn is read before the time is over", async () => {
  let answered = false;
  let over = false;
  const time = afterOwnTime(80, () => {
    over = true;
  });
  // Held up for longer than the whole time, with an answer waiting: timers come before it.
  const until = performance.now() + 300;
  while (performance.now() < until);
  await new Promise<void>((resolve) =>
    setImmediate(() => {
      answered = true;
      expect(over).toBe(false);
      resolve();
    }),
  );
  time.cancel();
  expect(answered).toBe(true);
});

test("the time ends after as long as it was to take, a late start of a turn aside; refresh begins it again, cancel ends it", () => {
  vi.useFakeTimers();
  const ended: string[] = [];
  afterOwnTime(800, () => ended.push("plain"));
  const refreshed = afterOwnTime(800, () => ended.push("refreshed"));
  const cancelled = afterOwnTime(800, () => ended.push("cancelled"));
  vi.advanceTimersByTime(750);
  refreshed.refresh();
  cancelled.cancel();
  vi.advanceTimersByTime(60);
  expect(ended).toEqual(["plain"]);
  vi.advanceTimersByTime(750);
  expect(ended).toEqual(["plain", "refreshed"]);
});
