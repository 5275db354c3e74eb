import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { Cargo } from "../cluster/move/cargo.ts";
import { Lab, PASSWORD } from "../cluster/support.ts";
import { at, create, idOf, removeFolders, slotsOf } from "../trib/support.ts";

// The binary itself: everything else of redis-trib is tested in this process.

const BIN = fileURLToPath(new URL("../../dist/lib/cli/trib.js", import.meta.url));
let lab: Lab;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-trib-"));
  lab = await Lab.start(["m1", "m2", "m3"]);
  await create(lab, ["m1", "m2", "m3"]);
});
afterAll(async () => {
  await lab.stop();
  await rm(folder, { recursive: true, force: true });
  await removeFolders();
});

function start(argv: readonly string[], environment: Readonly<Record<string, string>> = { REDISCLI_AUTH: PASSWORD }) {
  const { REDISCLI_AUTH: _, REDIS_LAB_PASSWORD: __, ...inherited } = process.env;
  const child = spawn(process.execPath, [BIN, ...argv], { cwd: folder, env: { ...inherited, TERM: "dumb", ...environment } });
  const heard = { out: "", err: "" };
  child.stdout.on("data", (chunk: Buffer) => (heard.out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (heard.err += chunk.toString()));
  child.stdin.on("error", () => {});
  return { child, heard, ended: once(child, "close").then(() => ({ code: child.exitCode, ...heard })) };
}

function run(argv: readonly string[], { input = "", environment }: { input?: string; environment?: Record<string, string> } = {}) {
  const { child, ended } = start(argv, environment);
  child.stdin.end(input);
  return ended;
}

function seen(what: string, look: () => boolean): Promise<void> {
  return waitFor(async () => (look() ? { done: true, value: undefined } : { done: false, missing: what }), {
    what,
    timeoutMs: 60_000,
    intervalMs: 5,
  });
}

test("the help: said, or shown because nothing was asked for", async () => {
  const [asked, nothing] = await Promise.all([run(["help"]), run([])]);
  expect([asked.code, nothing.code]).toEqual([0, 1]);
  expect(nothing.out).toBe(asked.out);
  expect(asked.out.startsWith("Usage: redis-trib <command> <options> <arguments ...>\n\n  create ")).toBe(true);
  expect(asked.err).toContain("--password-file <file>");
});

test("questions are answered from standard input, line by line", async () => {
  const input = `3\n${await idOf(lab, "m2")}\nall\nyes\n`;
  const { code, out } = await run(["reshard", at(lab, "m1")], { input });
  expect(code).toBe(0);
  expect(out).toContain("What is the receiving node ID? Please enter all the source node IDs.\n");
  expect(out.match(/^(Do you want.*\? )?Moving slot \d+ from /gm)?.length).toBe(3);
});

test("standard input that ends is no answer", async () => {
  const { code, out } = await run(["reshard", at(lab, "m1")]);
  expect([code, out.endsWith("How many slots do you want to move (from 1 to 16384)? *** Aborting...\n")]).toEqual([1, true]);
});

describe("passwords", () => {
  test("from a file, from the environment, and asked for", async () => {
    const file = join(folder, "password");
    await writeFile(file, `${PASSWORD}\n`, { mode: 0o600 });
    const runs = await Promise.all([
      run(["info", "--password-file", file, at(lab, "m1")], { environment: {} }),
      run(["info", at(lab, "m1")], { environment: { REDIS_LAB_PASSWORD: PASSWORD } }),
      run(["info", "--askpass", at(lab, "m1")], { environment: {}, input: `${PASSWORD}\n` }),
    ]);
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
  });

  test("one on the command line works, with a warning, and leaves the list of processes at once", async () => {
    const { child, heard, ended } = start(["-a", PASSWORD, "reshard", at(lab, "m1")], {});
    await seen("the question", () => heard.out.endsWith("16384)? "));
    const shown = await readFile(`/proc/${child.pid}/cmdline`, "utf8");
    expect(shown).not.toContain(PASSWORD);
    expect(shown).toContain(`redis-trib -a *** reshard ${at(lab, "m1")}`);
    child.stdin.end();
    expect((await ended).err).toContain("Warning: a password on the command line can be read by others");
  });
});

describe("interrupted", () => {
  /** Starts to move slots with many keys, one key at a time, and waits until the first have arrived. */
  async function moving(): Promise<{
    readonly child: ChildProcess;
    readonly ended: ReturnType<typeof start>["ended"];
    readonly cargo: Cargo;
  }> {
    const cargo = new Cargo(lab);
    const first = Number.parseInt((await slotsOf(lab))["m3"] ?? "", 10);
    // Slots without keys first: they arrive at once.
    const slots = Array.from({ length: 400 }, (_, index) => first + 500 + index);
    await cargo.load("m3:6379", slots, 10);
    const [from, to] = [await idOf(lab, "m3"), await idOf(lab, "m1")];
    const { child, heard, ended } = start([
      "reshard",
      "--from",
      from,
      "--to",
      to,
      "--slots",
      "2000",
      "--yes",
      "--pipeline",
      "1",
      at(lab, "m2"),
    ]);
    await seen("a slot that has arrived", () => /to \S+: \n/.test(heard.out));
    return { child, ended, cargo };
  }

  async function whole(cargo: Cargo): Promise<void> {
    expect((await cargo.lastingFaults()).slice(0, 5)).toEqual([]);
    const check = await run(["check", at(lab, "m1")]);
    expect([check.code, check.out.includes("are open")]).toEqual([0, false]);
  }

  test("what is in flight arrives, nothing is left open, and the exit code is 130", async () => {
    const before = (await slotsOf(lab))["m3"];
    const { child, ended, cargo } = await moving();
    child.kill("SIGINT");
    const { code, err } = await ended;
    expect(code).toBe(130);
    expect(err).toContain("run the same command again for the rest");
    expect((await slotsOf(lab))["m3"]).not.toBe(before);
    await whole(cargo);
    for (const id of ["m1:6379", "m3:6379"]) await lab.call(id, "FLUSHALL");
  });

  test("a reader that goes away leaves nothing open either", async () => {
    const { child, ended, cargo } = await moving();
    child.stdout?.destroy();
    const { code } = await ended;
    expect(code).toBe(130);
    await whole(cargo);
  });

  test("at a question", async () => {
    const { child, heard, ended } = start(["reshard", at(lab, "m1")]);
    await seen("the question", () => heard.out.endsWith("16384)? "));
    child.kill("SIGINT");
    expect((await ended).code).toBe(130);
  });
});
