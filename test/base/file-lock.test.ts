import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { describeHolder, LOCKERS, type LockHolder, mayLive, tryLock, wayOut, withFileLock } from "../../lib/base/file-lock.ts";
import { thisProcess } from "../../lib/base/process-identity.ts";
import { breakDisk } from "../support/broken-disk.ts";
import { tryRun } from "../support/command.ts";

const about = { verb: "up", since: "2026-01-01T00:00:00Z" };
let folder: string;
let file: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-locks-"));
  file = join(folder, "deep", "lock");
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  await rm(folder, { recursive: true, force: true });
});

const HOLDER = fileURLToPath(new URL("../support/lock-holder.ts", import.meta.url));
/** Another process that tries the lock; resolves to what it says. */
async function other(before: readonly string[] = []): Promise<{ readonly child: ChildProcess; readonly said: string }> {
  const [program = "", ...args] = [...before, process.execPath, "--import", import.meta.resolve("jiti/register"), HOLDER, file];
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  const [said] = (await once(child.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
  return { child, said: said.toString().trim() };
}

async function mustTake() {
  const attempt = await tryLock(file, about);
  if (!attempt.taken) throw new Error(`held by ${JSON.stringify(attempt.holder)}`);
  return attempt.lock;
}

describe("between processes", () => {
  test("the second hears who has it; kill -9 of the first frees it at once, and leaves nothing to believe", async () => {
    const first = await other();
    expect(first.said).toBe("held");
    expect(await tryLock(file, about)).toMatchObject({
      taken: false,
      holder: { pid: first.child.pid, verb: "up of the test", since: "2026-01-01T00:00:00Z", computer: hostname() },
    });
    first.child.kill("SIGKILL");
    await once(first.child, "exit");
    expect(await readFile(file, "utf8")).toContain("up of the test");
    const lock = await mustTake();
    expect(await readFile(file, "utf8")).toContain(`"pid":${process.pid}`);
    await lock.release();
    expect(await readdir(join(folder, "deep"))).toEqual([]);
  });

  test("one that is stopped, and not dead, keeps it", async () => {
    const first = await other();
    first.child.kill("SIGSTOP");
    expect(await tryLock(file, about)).toMatchObject({ taken: false, holder: { pid: first.child.pid } });
    first.child.kill("SIGCONT");
    first.child.stdin?.end();
    await once(first.child, "exit");
    await (await mustTake()).release();
  });

  // As two containers have one folder. Where users may make no namespaces, the rest of this file holds it as well as it can be held.
  const unshare = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc", "--net"];
  test("two pid namespaces, network namespaces too, do not hold one lock", async ({ skip }) => {
    if ((await tryRun(unshare[0] ?? "", [...unshare.slice(1), "true"])).code !== 0) skip("this user may make no namespaces");
    const first = await other(unshare);
    expect(first.said).toBe("held");
    const second = await other(unshare);
    expect(JSON.parse(second.said)).toMatchObject({ pid: 1, verb: "up of the test" });
    const attempt = await tryLock(file, about);
    if (attempt.taken) throw new Error("two have it");
    expect(wayOut(attempt.holder, await thisProcess(), file)).toContain(
      `in its container, where it is process 1 (outside, \`fuser -v ${file}\``,
    );
  });

  test("a child that outlives its parent does not keep the lock", async () => {
    const lock = await mustTake();
    const child = spawn("sleep", ["60"], { stdio: "ignore", detached: true });
    children.push(child);
    await once(child, "spawn");
    await lock.release();
    await (await mustTake()).release();
  });
});

describe("the file", () => {
  test("of a lock that was removed by hand and taken by another run is not removed by the first", async () => {
    const first = await mustTake();
    await rm(file);
    const second = await mustTake();
    await first.release();
    expect(await tryLock(file, about)).toMatchObject({ taken: false, holder: { pid: process.pid } });
    await second.release();
    await (await mustTake()).release();
  });

  test.each(["", "{", '{"pid":1}', `${"x".repeat(100_000)}`, "4194303999\n"])("that holds %j is not a lock", async (text) => {
    await (await mustTake()).release();
    await writeFile(file, text);
    await (await mustTake()).release();
  });

  test("is ours alone", async () => {
    const lock = await mustTake();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await lock.release();
  });

  test("needs no room: on a full disk the lock is held without a word in it", async () => {
    await (await mustTake()).release();
    // Not the first two, which look for the folder and make an empty file.
    const disk = await breakDisk(folder, { at: 3, fault: "ENOSPC", lasting: true });
    const attempt = await tryLock(file, about).finally(disk.repair);
    expect(disk.calls.slice(0, 3)).toEqual(["mkdir", "open", "handle.truncate"]);
    expect(await tryLock(file, about)).toEqual({ taken: false, holder: undefined });
    if (attempt.taken) await attempt.lock.release();
    await (await mustTake()).release();
  });

  test("that can't be made is reported as what it is", async () => {
    await writeFile(join(folder, "file"), "");
    await expect(tryLock(join(folder, "file", "lock"), about)).rejects.toMatchObject({ code: "file.not-written" });
  });
});

test("who takes a lock in whose name the last text is a dead one's is not taken for that one", async () => {
  const lock = await mustTake();
  await writeFile(file, JSON.stringify({ ...(await thisProcess()), pid: 2 ** 22 + 1, started: "1", ...about }));
  expect(await tryLock(file, about)).toEqual({ taken: false, holder: undefined });
  await lock.release();
});

test("many take turns, and none waits for ever", async () => {
  let holders = 0;
  let most = 0;
  const works = Array.from({ length: 10 }, () =>
    withFileLock(file, "test", async () => {
      holders += 1;
      most = Math.max(most, holders);
      await new Promise((resolve) => setImmediate(resolve));
      holders -= 1;
    }),
  );
  await Promise.all(works);
  expect(most).toBe(1);
  await expect(withFileLock(file, "test", () => Promise.reject(new Error("of the work")))).rejects.toThrow("of the work");
  expect(await withFileLock(file, "test", async () => "free again")).toBe("free again");
});

test("who waits is let go by the signal", async () => {
  const lock = await mustTake();
  const cut = new AbortController();
  const waiting = withFileLock(file, "test", async () => "never", cut.signal);
  cut.abort(new Error("stopped by the user"));
  await expect(waiting).rejects.toThrow();
  await lock.release();
});

describe.each(LOCKERS.map(([program, ...args]) => ({ program, args })))("$program", ({ program, args }) => {
  test("locks a file that stays open here, and says that it is taken", async () => {
    const [one, two] = [await open(join(folder, "file"), "a+"), await open(join(folder, "file"), "a+")];
    const lock = (descriptor: number) => {
      const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe", descriptor] });
      let said = "";
      child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
      return once(child, "close").then(([code]) => `${code} ${said}`);
    };
    expect(await lock(one.fd)).toBe("0 ");
    expect(await lock(two.fd)).toBe("1 ");
    await one.close();
    expect(await lock(two.fd)).toBe("0 ");
    await two.close();
  });
});

describe("a lock that the kernel gives, and that is written down as another's", () => {
  const me = { pid: 1, started: "1", namespace: "pid:[1]", boot: "boot", machine: "machine", computer: "here" };
  const held = (more: Partial<LockHolder>): LockHolder => ({ ...me, pid: 2, ...about, ...more });

  test.each([
    ["of this kernel, on a folder that others share", held({}), false, false],
    ["of this computer before its reboot", held({ boot: "before" }), false, false],
    ["of another computer, on a folder that others share", held({ boot: "other", machine: "other", computer: "there" }), false, true],
    ["of another computer with the same name", held({ boot: "other", machine: "other" }), false, true],
    ["of a container without a machine id", held({ boot: "other", machine: "" }), false, true],
    ["of another computer, on a disk of ours", held({ boot: "other", machine: "other", computer: "there" }), true, false],
    ["of an earlier version, on another computer", held({ boot: "", machine: "", computer: "there" }), false, true],
    ["of an earlier version, of a process that is gone", held({ boot: "", machine: "", pid: 2 ** 22 + 1 }), true, false],
  ])("%s", async (_, left, ofThisComputer, expected) => {
    expect(await mayLive(left, me, ofThisComputer)).toBe(expected);
  });

  test("the way out is a command, for every kind of holder", () => {
    expect(wayOut(held({}), me, "/lock")).toBe("Wait for it to end, or stop it (kill 2), and run the command again.");
    expect(wayOut(held({ boot: "other", computer: "there" }), me, "/lock")).toBe(
      "Wait for it to end, or stop it on there (kill 2), and run the command again. If there is gone, or has no such process: rm /lock",
    );
    expect(wayOut(held({ namespace: "pid:[2]" }), me, "/lock")).toContain("in its container, where it is process 2");
    expect(wayOut(held({ boot: "", machine: "", namespace: "" }), me, "/lock")).toContain("(kill 2)");
    expect(wayOut(undefined, me, "/lock")).toContain("fuser -v /lock");
    expect(describeHolder(undefined, new Date(0))).toBe("a process that has not said who it is");
  });
});
