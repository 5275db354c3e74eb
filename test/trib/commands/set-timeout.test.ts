import { afterAll, beforeAll, expect, test } from "vitest";
import { Lab } from "../../cluster/support.ts";
import { at, call, create, removeFolders, trib } from "../support.ts";

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.start(["m1", "m2", "m3"], { m3: "rename-command CONFIG NOCONFIG" });
  await create(lab, ["m1", "m2", "m3"]);
});
afterAll(async () => {
  await lab.stop();
  await removeFolders();
});

test.each([["99"], ["soon"], ["-1"]])("%s ms is a bad idea", async (ms) => {
  const { code, out } = await trib(["set-timeout", at(lab, "m1"), ms]);
  expect([code, out]).toEqual([1, "Setting a node timeout of less than 100 milliseconds is a bad idea.\n"]);
  expect(await call(lab, "m1", "CONFIG", "GET", "cluster-node-timeout")).toEqual(["cluster-node-timeout", "15000"]);
});

test("a node that does not take it is counted", async () => {
  const { code, out } = await trib(["set-timeout", at(lab, "m1"), "12500"]);
  expect(out).toMatch(/\nERR setting node-timeot for \S+: ERR unknown command/);
  expect([code, out.endsWith(">>> New node timeout set. 2 OK, 1 ERR.\n")]).toEqual([1, true]);
});
