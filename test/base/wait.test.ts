import { setTimeout as delay } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";

const never = async () => ({ done: false, missing: "an answer" }) as const;

test("looks until it is done, and tells what is missing until then", async () => {
  const told: string[] = [];
  let looks = 0;
  const value = await waitFor(
    async () => {
      looks += 1;
      return looks < 3 ? { done: false, missing: `${3 - looks} more` } : { done: true, value: looks };
    },
    { what: "three", timeoutMs: 10_000, intervalMs: 1, onPending: (missing) => told.push(missing) },
  );
  expect([value, told]).toEqual([3, ["2 more", "1 more"]]);
});

test("names what it did not see when the time is over, after one more look at least", async () => {
  await expect(waitFor(never, { what: "the nodes", timeoutMs: 0 })).rejects.toMatchObject({
    code: "wait.timeout",
    what: "Waited 0 s for the nodes; not seen: an answer.",
    next: "Run the same command again: it continues where it stopped.",
  });
});

test("a look that throws, and a signal, end it", async () => {
  const broken = async () => {
    throw new Error("broken");
  };
  await expect(waitFor(broken, { what: "it", timeoutMs: 10_000 })).rejects.toThrow("broken");
  const controller = new AbortController();
  const waiting = waitFor(never, { what: "it", timeoutMs: 60_000, intervalMs: 60_000, signal: controller.signal });
  controller.abort();
  await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
});

test("a look is followed by a pause as long as it took", async () => {
  const pauses: { readonly took: number; readonly pause: number }[] = [];
  let ended: { readonly at: number; readonly took: number } | undefined;
  await waitFor(
    async () => {
      const begin = performance.now();
      if (ended !== undefined) pauses.push({ took: ended.took, pause: begin - ended.at });
      await delay(30);
      ended = { at: performance.now(), took: performance.now() - begin };
      return pauses.length < 3 ? { done: false, missing: "three pauses" } : { done: true, value: undefined };
    },
    { what: "it", timeoutMs: 10_000, intervalMs: 1 },
  );
  // A timer may be a millisecond early.
  for (const { took, pause } of pauses) expect(pause).toBeGreaterThanOrEqual(took - 2);
});

test("the time begins again with each step forward, and with no step back", async () => {
  const counted = async (left: readonly number[]) => {
    let clock = 0;
    let looks = 0;
    const time = vi.spyOn(performance, "now").mockImplementation(() => clock);
    const look = async () => {
      const now = left[looks];
      looks += 1;
      clock += 10;
      return now === undefined ? ({ done: true, value: looks } as const) : ({ done: false, missing: "it", left: now } as const);
    };
    return waitFor(look, { what: "it", timeoutMs: 25, intervalMs: 1 }).finally(() => time.mockRestore());
  };
  // Each look takes 10 ms: two without a step are within the time, three are not.
  await expect(counted([9, 9, 7, 8, 3, 3, 2])).resolves.toBe(8);
  await expect(counted([9, 8, 9, 9, 9, 1])).rejects.toMatchObject({ code: "wait.timeout" });
});
