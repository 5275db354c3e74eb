import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { verifyBackup } from "../../../lib/transfer/verify.ts";
import { Lab } from "../../cluster/support.ts";
import { at, call, create, idOf, removeFolders, trib } from "../support.ts";

const NAMES = ["m1", "m2", "m3"] as const;
let lab: Lab;

beforeAll(async () => {
  lab = await Lab.start(NAMES);
  await create(lab, NAMES);
});
afterAll(async () => {
  await lab.stop();
  await removeFolders();
});

test("an RDB of every master and a manifest, in a new folder", async () => {
  await call(lab, "m3", "SET", "foo", "bar");
  const { folder: parent } = await trib(["help"]);
  const folder = join(parent, "backup");
  const { code, out } = await trib(["backup", at(lab, "m1"), folder]);
  expect([code, out.trimEnd().split("\n").at(-1)]).toEqual([0, `[OK] Backup created into: ${folder}`]);
  expect((await readdir(folder)).filter((name) => name.endsWith(".rdb"))).toHaveLength(3);
  expect((await verifyBackup(folder)).findings).toEqual([]);
  const again = await trib(["backup", at(lab, "m1"), folder]);
  expect([again.code, again.out]).toEqual([1, expect.stringContaining("the folder is not empty")]);
});

test("none of a cluster with an open slot", async () => {
  await call(lab, "m1", "CLUSTER", "SETSLOT", "5", "MIGRATING", await idOf(lab, "m2"));
  const { code, out } = await trib(["backup", at(lab, "m1"), "never-made"]);
  expect([code, out]).toEqual([1, expect.stringContaining("*** Please fix your cluster problems before a backup")]);
});
