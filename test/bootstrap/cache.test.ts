import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cacheFolder } from "../../lib/base/cache-folder.ts";
import { markOf, thisProcess } from "../../lib/base/process-identity.ts";
import { intoCache, withCacheFolder } from "../../lib/bootstrap/cache.ts";
import { breakDisk } from "../support/broken-disk.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-cache-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("its place is that of the XDG specification", () => {
  expect(cacheFolder({ XDG_CACHE_HOME: "/x" })).toBe("/x/redis-lab");
  expect(cacheFolder({ XDG_CACHE_HOME: "relative" })).toMatch(/\/\.cache\/redis-lab$/);
});

test("what killed runs left goes at once where that is certain, and after six hours where it is not", async () => {
  const me = await thisProcess();
  const dead = `a.part-${await markOf({ ...me, started: "1" })}-01234567`;
  const alive = `a.part-${await markOf()}-01234567`;
  const [young, old] = ["a.part-0123456789ab", "b.part-0123456789ab"];
  const unknown = `a.part-${await markOf({ ...me, boot: "x", machine: "x" })}-01234567`;
  for (const name of [dead, alive, young, old, unknown, "valuable"]) await writeFile(join(folder, name), "x");
  const long = new Date(Date.now() - 7 * 3_600_000);
  await utimes(join(folder, old), long, long);
  await mkdir(join(folder, "other"));
  await intoCache(join(folder, "file"), (temporary) => writeFile(temporary, "x"));
  expect((await readdir(folder)).sort()).toEqual([alive, young, unknown, "file", "other", "valuable"].sort());
});

test("a folder for one piece of work is its own, also of two at once, and gone afterwards", async () => {
  const seen = await Promise.all(
    [1, 2].map((each) =>
      withCacheFolder(join(folder, "work"), async (work) => {
        await writeFile(join(work, "file"), String(each));
        expect((await stat(work)).mode & 0o777).toBe(0o700);
        return readFile(join(work, "file"), "utf8");
      }),
    ),
  );
  expect(seen).toEqual(["1", "2"]);
  expect(await readdir(folder)).toEqual([]);
});

test("a copy keeps the mode of its original, unreadable for writing or not", async () => {
  await intoCache(join(folder, "file"), (temporary) => writeFile(temporary, "x", { mode: 0o400 }));
  expect(await readFile(join(folder, "file"), "utf8")).toBe("x");
});

test("a full disk is reported as such, whatever fills the file", async () => {
  const disk = await breakDisk(folder, { at: 2, fault: "ENOSPC" });
  const failure = intoCache(join(folder, "file"), (temporary) => writeFile(temporary, "x"));
  await expect(failure.finally(disk.repair)).rejects.toMatchObject({ code: "file.not-written", next: expect.stringContaining("df -h") });
  expect(await readdir(folder)).toEqual([]);
  await expect(intoCache(join(folder, "file"), () => Promise.reject(new Error("of the filling")))).rejects.toThrow("of the filling");
});
