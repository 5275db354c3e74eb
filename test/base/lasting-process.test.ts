import { expect, test } from "vitest";
import { type LastingProcess, startLasting } from "../../lib/base/lasting-process.ts";
import { startTime } from "../../lib/base/process-identity.ts";
import { waitFor } from "../../lib/base/wait.ts";

const environment = { PATH: process.env["PATH"] };

async function start(script: string): Promise<LastingProcess> {
  const started = await startLasting("sh", ["-c", script], { environment });
  if ("failure" in started) throw new Error(started.failure);
  return started;
}

async function ends(pid: number): Promise<void> {
  await waitFor(async () => ((await startTime(pid)) === undefined ? { done: true, value: 0 } : { done: false, missing: "its end" }), {
    what: "a process to end",
    timeoutMs: 60_000,
    intervalMs: 10,
  });
}

const WAITS = "echo ready $$; read -r word || exit 1; exec </dev/null >/dev/null 2>&1; sleep 600";

test("one that was told to stay stays", async () => {
  const started = await start(WAITS);
  expect(started.said).toBe(`ready ${started.pid}`);
  await started.keep();
  expect(await startTime(started.pid)).toBeDefined();
  process.kill(-started.pid, "SIGKILL");
});

test("one that was told nothing ends", async () => {
  const started = await start(WAITS);
  started.leave();
  await ends(started.pid);
});

test("one that fails says why", async () => {
  expect(await startLasting("sh", ["-c", "echo no bridge >&2; exit 3"], { environment })).toEqual({ failure: "no bridge" });
  expect(await startLasting("sh", ["-c", "exit 3"], { environment })).toEqual({ failure: "it ended with 3" });
  expect(await startLasting("no-such-program", [], { environment })).toEqual({ failure: "spawn no-such-program ENOENT" });
});

test("an interruption lets go of one that is not ready", async () => {
  const controller = new AbortController();
  const started = startLasting("sh", ["-c", "read -r word"], { environment, signal: controller.signal });
  controller.abort(new Error("interrupted"));
  await expect(started).rejects.toThrow("interrupted");
});
