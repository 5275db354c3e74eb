import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { markOf, thisProcess } from "../../lib/base/process-identity.ts";
import { temporaryFolder } from "../../lib/base/temporary-folder.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-leftovers-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("what killed runs left goes, and nothing else", async () => {
  const me = await thisProcess();
  const dead = await markOf({ ...me, started: "1" });
  const elsewhere = await markOf({ ...me, boot: "other", machine: "other", pid: 1 });
  const keep = [
    `redis-lab-server-${await markOf()}-abcdef`,
    `redis-lab-server-${elsewhere}-abcdef`,
    "redis-lab-server-abcdef",
    `redis-lab-server-${dead}`,
    `a-redis-lab-server-${dead}-abcdef`,
    `redis-lab-others-${dead}-abcdef`,
    "valuable",
  ];
  const gone = [`redis-lab-server-${dead}-abcdef`, `redis-lab-load-${dead}-ABC123`, `redis-lab-script-${dead}-abcdef`];
  for (const name of [...keep, ...gone]) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, "file"), "x");
  }
  // As a temporary server has one to the file that it loads.
  await symlink(join(folder, "valuable"), join(folder, gone[0] ?? "", "link"));
  const made = await temporaryFolder("server", folder);
  expect((await readdir(folder)).map((name) => join(folder, name)).sort()).toEqual(
    [...keep.map((name) => join(folder, name)), made].sort(),
  );
  expect(existsSync(join(folder, "valuable", "file"))).toBe(true);
  expect((await stat(made)).mode & 0o777).toBe(0o700);
});

test("a folder that can't be looked through is not a reason to fail", async () => {
  await expect(temporaryFolder("load", join(folder, "absent"))).rejects.toMatchObject({ code: "ENOENT" });
});
