import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runProgram } from "../../../lib/base/process.ts";
import { statOf } from "../../../lib/base/process-identity.ts";
import { waitFor } from "../../../lib/base/wait.ts";
import { sh } from "../../../lib/connection/quote.ts";
import { type FaultContext, type FaultRow, GONE } from "../../../lib/fault/row.ts";
import { flapping, hang, kill } from "../../../lib/fault/rows/processes.ts";
import { placeLab } from "../../../lib/lab/placement.ts";
import { cluster } from "../../../stacks/labs.ts";

// What is done to processes, on the sh of this computer and a process that only sleeps: the one that was looked at is met, and one that has its number by now is not.

const placement = placeLab(cluster, { target: "local", hostsFolder: "/nowhere" });
const [host] = placement.hosts;
let target: ChildProcess;
let folder: string;
let start: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fault row "));
  target = spawn("sleep", ["600"], { stdio: "ignore" });
  await once(target, "spawn");
  start = (await status()).start ?? "";
  expect(start).toMatch(/^\d+$/);
});
afterEach(async () => {
  target.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

const status = async () => statOf(await readFile(`/proc/${target.pid}/stat`, "utf8"));

function planned(row: FaultRow, startTime = start, more: Partial<FaultContext> = {}) {
  const proof = { pid: target.pid ?? 0, start: startTime, boot: "" };
  const [part] = row.plan({
    id: "0123abcd",
    placement,
    touched: [{ host: host!, instances: [{ instance: host!.instances[0]!, process: proof }] }],
    others: placement.hosts,
    clients: [],
    options: {},
    forMs: 1000,
    ...more,
  });
  return { make: part?.make ?? "", undo: part?.undo ?? "" };
}

async function run(script: string): Promise<number | null> {
  const result = await runProgram("sh", ["-c", `${sh`f=${folder}; why=heal`}\n${script}`], { environment: process.env, timeoutMs: 60_000 });
  return result.exitCode;
}

async function untilState(state: string): Promise<void> {
  await waitFor(async () => ((await status()).state === state ? { done: true, value: undefined } : { done: false, missing: state }), {
    what: `the state ${state}`,
    timeoutMs: 60_000,
    intervalMs: 10,
  });
}

test("hang: it stands still and goes on, however often that is said", async () => {
  const { make, undo } = planned(hang);
  expect(await run(make)).toBe(0);
  await untilState("T");
  expect(await run(make)).toBe(0);
  expect([await run(undo), await run(undo)]).toEqual([0, 0]);
  await untilState("S");
});

test.each([
  ["hang", hang],
  ["kill", kill],
  ["flapping", flapping],
] as const)("%s: a process of others with the same number is left alone", async (_name, row) => {
  const { make, undo } = planned(row, "1");
  const code = await run(make);
  if (row !== flapping) expect(code).toBe(GONE);
  if (row !== kill) await run(undo);
  expect([target.exitCode, target.signalCode, (await status()).state]).toEqual([null, null, "S"]);
});

test("hang: the undo does not let a process of others go on", async () => {
  target.kill("SIGSTOP");
  await untilState("T");
  await run(planned(hang, "1").undo);
  expect((await status()).state).toBe("T");
});

test("flapping: by turns, and the undo ends the turns", async () => {
  const { make, undo } = planned(flapping, start, { options: { every: 200 } });
  expect(await run(make)).toBe(0);
  for (const state of ["T", "S", "T", "S"]) await untilState(state);
  const loop = Number((await readFile(join(folder, "loop"), "utf8")).split(" ")[0]);
  expect(await run(undo)).toBe(0);
  expect((await status()).state).toBe("S");
  expect(statOf(await readFile(`/proc/${loop}/stat`, "utf8").catch(() => "")).state ?? "Z").toBe("Z");
});

test("kill: it notes down that it did, so that the undo waits for the end", async () => {
  const ended = once(target, "exit");
  expect(await run(planned(kill).make)).toBe(0);
  expect(await ended).toEqual([null, "SIGKILL"]);
  expect(await readdir(folder)).toEqual(["ended"]);
});
