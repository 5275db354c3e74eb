import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { withLock } from "../../lib/project/lock.ts";

let file: string;
const now = () => new Date("2026-01-01T00:00:30Z");

beforeEach(async () => {
  file = join(await mkdtemp(join(tmpdir(), "redis-lab-lock-")), "deep", "lock");
});

test("a second holder is refused and told who has it, and since when", async () => {
  await withLock(
    "mine",
    file,
    "up",
    () => new Date("2026-01-01T00:00:00Z"),
    async () => {
      await expect(withLock("mine", file, "down", now, async () => "never")).rejects.toMatchObject({
        code: "project.locked",
        what: `Another redis-lab works on "mine": \`up\`, process ${process.pid} on ${hostname()}, since 2026-01-01T00:00:00.000Z (30 s ago).`,
      });
    },
  );
  expect(await withLock("mine", file, "down", now, async () => "free again")).toBe("free again");
});

test("the lock of a process that is gone is taken over at once", async () => {
  const child = spawn("sleep", ["60"]);
  await once(child, "spawn");
  const stat = await readFile(`/proc/${child.pid}/stat`, "utf8");
  const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  const dead = { pid: child.pid, started, computer: hostname(), verb: "up", since: "2026-01-01T00:00:00Z" };
  await withLock("mine", file, "up", now, async () => {});
  await writeFile(file, JSON.stringify(dead));
  await expect(withLock("mine", file, "up", now, async () => "held")).rejects.toMatchObject({ code: "project.locked" });
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(await withLock("mine", file, "up", now, async () => "taken over")).toBe("taken over");
});

test("a pid that now belongs to another process does not hold the lock", async () => {
  await withLock("mine", file, "up", now, async () => {});
  await writeFile(
    file,
    JSON.stringify({ pid: process.pid, started: "1", computer: hostname(), verb: "up", since: "2026-01-01T00:00:00Z" }),
  );
  expect(await withLock("mine", file, "up", now, async () => "taken over")).toBe("taken over");
});

test("a corrupt lock is not a lock", async () => {
  await withLock("mine", file, "up", now, async () => {});
  await writeFile(file, "{");
  expect(await withLock("mine", file, "up", now, async () => "taken over")).toBe("taken over");
});

test("of many at once exactly one gets it, also over a dead one", async () => {
  await withLock("mine", file, "up", now, async () => {});
  await writeFile(
    file,
    JSON.stringify({ pid: 2 ** 22 + 1, started: "1", computer: hostname(), verb: "up", since: "2026-01-01T00:00:00Z" }),
  );
  let holders = 0;
  let most = 0;
  await Promise.allSettled(
    Array.from({ length: 8 }, () =>
      withLock("mine", file, "up", now, async () => {
        holders += 1;
        most = Math.max(most, holders);
        await new Promise((resolve) => setImmediate(resolve));
        holders -= 1;
      }),
    ),
  );
  expect(most).toBe(1);
});

test("a patient caller is told who holds the lock, and gets it when that one ends", async () => {
  const told: string[] = [];
  const order: string[] = [];
  let waiting: Promise<unknown> = Promise.resolve();
  await withLock("mine", file, "up mine", now, async () => {
    const noticed = new Promise<void>((resolve) => {
      const onWait = (holder: string) => {
        told.push(holder);
        resolve();
      };
      waiting = withLock("mine", file, "leave mine redis-88", now, async () => order.push("second"), { timeoutMs: 60_000, onWait });
    });
    await noticed;
    order.push("first");
  });
  await waiting;
  expect(order).toEqual(["first", "second"]);
  expect(told).toEqual([expect.stringContaining(`\`up mine\`, process ${process.pid}`)]);
});

test("patience has an end, and an interruption ends it at once", async () => {
  const cut = new AbortController();
  await withLock("mine", file, "up mine", now, async () => {
    const late = withLock("mine", file, "down", now, async () => "never", { timeoutMs: 0, onWait: () => {} });
    await expect(late).rejects.toMatchObject({ code: "project.locked", what: expect.stringContaining("`up mine`") });
    const stopped = withLock("mine", file, "down", now, async () => "never", {
      timeoutMs: 60_000,
      onWait: () => cut.abort(new Error("stopped by the user")),
      signal: cut.signal,
    });
    await expect(stopped).rejects.toMatchObject({ name: "AbortError" });
  });
  expect(await withLock("mine", file, "down", now, async () => "free again")).toBe("free again");
});
