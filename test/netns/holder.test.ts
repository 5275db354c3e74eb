import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ProcessIdentity } from "../../lib/base/process-identity.ts";
import { endHolder, identify, parseHolder, readHolder, rememberHolder } from "../../lib/netns/holder.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-holder-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function startSleep(): Promise<ProcessIdentity> {
  const child = spawn("sleep", ["600"], { stdio: "ignore" });
  await once(child, "spawn");
  const found = await identify(child.pid ?? 0);
  if (found === undefined) throw new Error("it lives");
  return found;
}

test("a holder is remembered for as long as that very process lives", async () => {
  const file = join(folder, "network.json");
  expect(await readHolder("lab", file)).toBeUndefined();
  const process = await startSleep();
  await rememberHolder(file, { process, made: "m" });
  expect(await readHolder("lab", file)).toEqual({ process, made: "m" });
  await rememberHolder(file, { process: { ...process, started: "1" }, made: "m" });
  expect(await readHolder("lab", file)).toBeUndefined();
  await rememberHolder(file, { process: { ...process, boot: "another" }, made: "m" });
  expect(await readHolder("lab", file)).toBeUndefined();
  await rememberHolder(file, { process, made: "m" });
  await endHolder("lab", process);
  expect(await readHolder("lab", file)).toBeUndefined();
  await endHolder("lab", process);
});

test("of one in another container or on another computer nothing is known here", async () => {
  const file = join(folder, "elsewhere.json");
  const process = await startSleep();
  for (const other of [{ namespace: "pid:[1]" }, { boot: "another", computer: "another" }]) {
    await rememberHolder(file, { process: { ...process, ...other }, made: "m" });
    await expect(readHolder("lab", file)).rejects.toMatchObject({ code: "netns.elsewhere", next: expect.stringContaining(`rm ${file}`) });
  }
  await endHolder("lab", process);
});

test("what this program did not write names no process that would be killed", async () => {
  const process = { pid: 4711, started: "5", namespace: "n", boot: "b", machine: "m", computer: "c" };
  expect(parseHolder(JSON.stringify({ format: 1, process, made: "" }))).toEqual({ process, made: "" });
  for (const text of [
    "",
    "null",
    "[]",
    JSON.stringify({ format: 2, process, made: "" }),
    JSON.stringify({ format: 1, process }),
    JSON.stringify({ format: 1, process: { ...process, pid: 1 }, made: "" }),
    JSON.stringify({ format: 1, process: { ...process, pid: -4711 }, made: "" }),
    JSON.stringify({ format: 1, process: { ...process, started: "" }, made: "" }),
    JSON.stringify({ format: 1, process: { ...process, boot: undefined }, made: "" }),
  ])
    expect(parseHolder(text)).toBeUndefined();
  const file = join(folder, "torn.json");
  await writeFile(file, '{ "format": 1, "proc');
  expect(await readHolder("lab", file)).toBeUndefined();
});
