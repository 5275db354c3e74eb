import { afterAll, beforeAll, expect, test } from "vitest";
import { Lab } from "../../cluster/support.ts";
import { at, create, removeFolders, trib } from "../support.ts";

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.start(["m1", "m2", "m3", "r1", "r2", "r3"]);
  await create(lab, ["m1", "m2", "m3", "r1", "r2", "r3"], 1);
});
afterAll(async () => {
  await lab.stop();
  await removeFolders();
});

const lines = (out: string) => out.trimEnd().split("\n");

test("masters alone, replicas alone", async () => {
  const masters = await trib(["call", "--only-masters", at(lab, "r1"), "role"]);
  expect(masters.code).toBe(0);
  expect(lines(masters.out).slice(1)).toEqual(Array(3).fill(expect.stringMatching(/: \["master", /)));
  const replicas = await trib(["call", "--cluster-only-replicas", at(lab, "m1"), "role"]);
  expect(lines(replicas.out).slice(1)).toEqual(Array(3).fill(expect.stringMatching(/: \["slave", /)));
});

test("what looks like an option belongs to the command", async () => {
  const { out } = await trib(["call", at(lab, "m1"), "echo", "--replicas"]);
  expect(lines(out).slice(1)).toEqual(Array(6).fill(expect.stringMatching(/: --replicas$/)));
});

test("an error is shown, and makes the whole fail", async () => {
  const { code, out } = await trib(["call", at(lab, "m1"), "set", "a", "b"]);
  expect(code).toBe(1);
  expect(out).toContain(">>> Calling SET a b\n");
  expect(lines(out).filter((line) => / MOVED 15495 /.test(line))).not.toEqual([]);
  expect((await trib(["call", at(lab, "m1"), "nosuch"])).out).toContain("ERR unknown command");
});
