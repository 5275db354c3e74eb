import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { allSettledLimited } from "../../lib/base/limit.ts";

it("goes on when one fails, in bounds, with the results in order", async () => {
  let now = 0;
  let most = 0;
  const results = await allSettledLimited([5, 1, 4, 2, 3], 2, async (item, index) => {
    now += 1;
    most = Math.max(most, now);
    for (let n = 0; n < item; n++) await turn();
    now -= 1;
    if (item === 1) throw new Error("unreachable");
    return item * 10 + index;
  });
  expect(most).toBe(2);
  expect(results.map((result) => (result.status === "fulfilled" ? result.value : String(result.reason)))).toEqual([
    50,
    "Error: unreachable",
    42,
    23,
    34,
  ]);
});

it("takes a function that throws at once for a failure of its item", async () => {
  const results = await allSettledLimited(["a"], 1, () => {
    throw new Error("x");
  });
  expect(results).toMatchObject([{ status: "rejected" }]);
});
