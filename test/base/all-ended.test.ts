import { expect, test } from "vitest";
import { allEnded } from "../../lib/base/all-ended.ts";

test("gives all results in their order", async () => {
  expect(await allEnded([Promise.resolve(1), "two", Promise.resolve(true)])).toEqual([1, "two", true]);
});

test("fails with the first failure in the order of the work, once all have ended", async () => {
  const ended: string[] = [];
  const later = async (name: string, turns: number, fails: boolean) => {
    for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
    ended.push(name);
    if (fails) throw new Error(name);
  };
  await expect(allEnded([later("a", 3, true), later("b", 1, true), later("c", 5, false)])).rejects.toThrow("a");
  expect(ended).toEqual(["b", "a", "c"]);
});
