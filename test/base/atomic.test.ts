import { lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { appendLines, makeFolder, readIfPresent, writeAtomically, writeNamedFile } from "../../lib/base/atomic.ts";
import { isLabError } from "../../lib/base/error.ts";
import { breakDisk } from "../support/broken-disk.ts";
import { tryRun } from "../support/command.ts";
import { WRITTEN_FILES, type WrittenFile } from "../support/written-files.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-atomic-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** What a reader sees before and after the whole of it. */
async function oldAndNew(file: WrittenFile): Promise<readonly [unknown, unknown]> {
  const place = await mkdtemp(join(folder, "whole-"));
  await file.before(place);
  const old = await file.read(place);
  await file.write(place);
  return [old, await file.read(place)];
}

describe.each(Object.entries(WRITTEN_FILES))("%s", (name, file) => {
  test.each(["ENOSPC", "EIO", "gone"] as const)(
    "is the old or the new one wherever %s strikes, and the next run goes on",
    async (fault) => {
      const [old, next] = await oldAndNew(file);
      for (let at = 1; ; at += 1) {
        const place = await mkdtemp(join(folder, "broken-"));
        await file.before(place);
        const disk = await breakDisk(place, { at, fault });
        try {
          const ended = file.write(place).then(
            () => undefined,
            (error: unknown) => error,
          );
          // With `gone` it never ends.
          const failure = await Promise.race([ended, until(disk.struck, fault === "gone")]);
          if (!disk.struck()) break;
          if (fault !== "gone" && failure !== undefined)
            expect(isLabError(failure), `${at}: ${disk.calls.join(", ")}: ${failure}`).toBe(true);
        } finally {
          disk.repair();
        }
        const seen = await file.read(place);
        expect([old, next], `${at}: ${disk.calls.join(", ")}`).toContainEqual(seen);
        if (fault === "gone" && /lock|secrets|key/.test(name)) continue; // this process, which lives, still has the lock or its turn
        await file.write(place);
        expect(await file.read(place), `${at}: ${disk.calls.join(", ")}, then once more`).toEqual(next);
      }
    },
  );
});

/** Resolves when it has struck, and some turns later; never where it is not asked for. */
function until(struck: () => boolean, asked: boolean): Promise<undefined> {
  return new Promise((resolve) => {
    if (!asked) return;
    const look = (left: number): void => {
      if (left === 0) resolve(undefined);
      else setTimeout(() => look(struck() ? left - 1 : left), 2);
    };
    look(3);
  });
}

const CHILD = fileURLToPath(new URL("../support/write-and-die.ts", import.meta.url));
const JITI = import.meta.resolve("jiti/register");
const inChild = (args: readonly string[], before: readonly string[] = []) => {
  const [program = "", ...rest] = [...before, process.execPath, "--import", JITI, CHILD, ...args];
  return tryRun(program, rest);
};

describe("a process that is killed", () => {
  test.each(["state.json, another", "a journal, continued"])(
    "%s: kill -9 at every call; what it left is gone after the next",
    async (name) => {
      const file = WRITTEN_FILES[name];
      if (file === undefined) throw new Error(name);
      const [old, next] = await oldAndNew(file);
      for (let at = 1; ; at += 1) {
        const place = await mkdtemp(join(folder, "killed-"));
        await file.before(place);
        const ended = await inChild([name, place, String(at), "SIGKILL"]);
        if (ended.code === 0) break;
        expect(ended.stderr).toBe("ended by SIGKILL\n");
        expect([old, next], `killed at ${at}`).toContainEqual(await file.read(place));
        expect((await inChild([name, place, "0", "SIGKILL"])).stderr).toBe("");
        expect(await file.read(place), `killed at ${at}, then once more`).toEqual(next);
        const left = (await readdir(place, { recursive: true })).filter((each) => each.endsWith(".tmp"));
        expect(left, `killed at ${at}`).toEqual([]);
      }
    },
  );
});

describe("a disk that is really full", () => {
  // The largest file that a process may write: the kernel writes what fits and fails the rest, as on a full disk, and it needs no root.
  test.each([0, 40, 100])("of %d bytes: no half of a journal, and an error that says what to do", async (bytes) => {
    const ended = await inChild(["a journal, begun", folder, "0", "EIO"], ["prlimit", `--fsize=${bytes}`]);
    expect(ended.code).not.toBe(0);
    expect(ended.stderr).toMatch(/file\.not-written/);
    expect(ended.stderr).toMatch(/can't be written: file too large/);
    expect(await readdir(join(folder, "journal"))).toEqual([]);
  });
});

test("a file is never more open than it is to be, and the folder is ours alone", async () => {
  const file = join(folder, "deep", "er", "secret");
  await writeAtomically(file, "x");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await stat(join(folder, "deep", "er"))).mode & 0o777).toBe(0o700);
  await writeAtomically(file, "y", 0o644);
  expect((await stat(file)).mode & 0o777).toBe(0o644);
  expect(await readFile(file, "utf8")).toBe("y");
});

test("a torn last line is cut off before the next, however long it is", async () => {
  const file = join(folder, "lines");
  for (const torn of ["x", "x".repeat(200_000)]) {
    await writeFile(file, `one\n${torn}`);
    await appendLines(file, ["two"]);
    expect(await readFile(file, "utf8")).toBe("one\ntwo\n");
    await writeFile(file, torn);
    await appendLines(file, ["two"]);
    expect(await readFile(file, "utf8")).toBe("two\n");
  }
  await appendLines(join(folder, "none"), []);
});

test("file systems without modes and without flushing of folders will do", async () => {
  const { default: fs } = await import("node:fs/promises");
  const handle = await fs.open("/dev/null");
  const prototype = Object.getPrototypeOf(handle);
  await handle.close();
  const { chmod, sync } = prototype;
  prototype.chmod = async () => {
    throw Object.assign(new Error("EPERM: operation not permitted, fchmod"), { code: "EPERM" });
  };
  prototype.sync = async function (this: { stat(): Promise<{ isDirectory(): boolean }> }) {
    if ((await this.stat()).isDirectory()) throw Object.assign(new Error("EINVAL: invalid argument, fsync"), { code: "EINVAL" });
    return sync.call(this);
  };
  try {
    await writeAtomically(join(folder, "file"), "x", 0o640);
  } finally {
    Object.assign(prototype, { chmod, sync });
  }
  expect(await readIfPresent(join(folder, "file"))).toBe("x");
});

test("a file that a user names: through a link, and into what is not a file", async () => {
  await mkdir(join(folder, "there"));
  await writeFile(join(folder, "there", "plan"), "old");
  await symlink(join(folder, "there", "plan"), join(folder, "link"));
  await writeNamedFile(join(folder, "link"), "new");
  expect(await readFile(join(folder, "there", "plan"), "utf8")).toBe("new");
  await symlink(join(folder, "there", "later"), join(folder, "dangling"));
  await writeNamedFile(join(folder, "dangling"), "made");
  expect(await readFile(join(folder, "there", "later"), "utf8")).toBe("made");
  expect((await lstat(join(folder, "dangling"))).isSymbolicLink()).toBe(true);
  await writeNamedFile("/dev/null", "gone");
  await expect(writeNamedFile(join(folder, "no such folder", "plan"), "x")).rejects.toMatchObject({ code: "file.not-written" });
});

test("standard output that goes to a file is written to where it is, and the file stays the same", async () => {
  const out = join(folder, "out");
  const module = new URL("../../lib/base/atomic.ts", import.meta.url).pathname;
  const script = join(folder, "script.ts");
  await writeFile(
    script,
    `import { writeNamedFile } from ${JSON.stringify(module)};
process.stdout.write("before ");
await writeNamedFile("/dev/stdout", "plan ");
process.stdout.write("after");`,
  );
  await writeFile(out, "");
  const { ino } = await stat(out);
  await tryRun("sh", ["-c", 'node --import jiti/register "$1" > "$2"', "sh", script, out]);
  expect(await readFile(out, "utf8")).toBe("before plan after");
  expect((await stat(out)).ino).toBe(ino);
});

test("a file that may be written is written in a folder that takes no other one", async () => {
  await mkdir(join(folder, "theirs"));
  await writeFile(join(folder, "theirs", "plan"), "old and long");
  const disk = await breakDisk(join(folder, "theirs"), { at: 1, fault: "EACCES" });
  try {
    await writeNamedFile(join(folder, "theirs", "plan"), "new");
  } finally {
    disk.repair();
  }
  expect(await readFile(join(folder, "theirs", "plan"), "utf8")).toBe("new");
});

test("a file is on disk before it has its name, and the name is, before anybody goes on", async () => {
  const disk = await breakDisk(folder, { at: 0, fault: "EIO" });
  try {
    await writeAtomically(join(folder, "deep", "file"), "x");
  } finally {
    disk.repair();
  }
  expect(disk.calls).toEqual(["mkdir", "handle.sync", "open", "handle.writeFile", "handle.sync", "rename", "handle.sync"]);
});

test("an error of reading or writing says why and what to do", async () => {
  await mkdir(join(folder, "taken"));
  await expect(readIfPresent(join(folder, "taken"))).rejects.toMatchObject({ code: "file.not-read" });
  await expect(writeAtomically(join(folder, "taken"), "x")).rejects.toMatchObject({ code: "file.not-written" });
  await writeFile(join(folder, "file"), "");
  await expect(makeFolder(join(folder, "file", "below"))).rejects.toMatchObject({ code: "ENOTDIR" });
  const disk = await breakDisk(folder, { at: 1, fault: "ENOSPC", lasting: true });
  try {
    await expect(writeAtomically(join(folder, "x"), "x")).rejects.toMatchObject({
      what: `${join(folder, "x")} can't be written: no space left on device.`,
      why: "It is written whole or not at all: nothing half is left, and what it held before is unchanged.",
      next: expect.stringContaining(`df -h ${folder}`),
    });
  } finally {
    disk.repair();
  }
  expect((await readdir(folder)).sort()).toEqual(["file", "taken"]);
});
