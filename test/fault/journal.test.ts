import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ProgramResult, runProgram } from "../../lib/base/process.ts";
import { waitFor } from "../../lib/base/wait.ts";
import { sh } from "../../lib/connection/quote.ts";
import { healScript, listScript, makeScript, noteScript, parseList, parseNote } from "../../lib/fault/journal.ts";
import { CANNOT, HEALED, type HostPart } from "../../lib/fault/row.ts";

// The scripts of the journal on the sh of this computer, in a folder whose name has what a shell would obey.

const ID = "0123abcd";
let home: string;
let faults: string;
let folder: string;
let part: HostPart;
const made = () => join(home, "made");

beforeEach(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), "it's a $(touch obeyed) `journal` ")));
  faults = join(home, ".redis-lab/faults/lab");
  folder = join(faults, ID);
  part = {
    host: "redis-18",
    make: sh`: > ${made()}`,
    undo: sh`rm -f -- ${made()}; printf '%s\n' "$why" >> ${join(home, "undone")}`,
    says: [],
  };
});
afterEach(async () => {
  await run(healScript(faults, [], "heal"));
  await rm(home, { recursive: true, force: true });
});

const run = (script: string): Promise<ProgramResult> =>
  runProgram("sh", ["-c", script], { environment: process.env, timeoutMs: 60_000, cwd: home });
const note = { id: ID, fault: "hang", lab: "lab", touched: ["redis-18:6379"], begun: "2026-12-01T10:00:00.000Z" };

async function noted(seconds?: number, endsWithHost = true, id = ID): Promise<ProgramResult> {
  const text = { ...note, id, ...(seconds !== undefined && { until: "2026-12-01T11:00:00.000Z" }) };
  return run(noteScript(join(faults, id), text, part, { seconds, systemd: false, endsWithHost }));
}
const open = async () => parseList((await run(listScript(faults))).stdout);
const undone = async () => (await readFile(join(home, "undone"), "utf8").catch(() => "")).split("\n").filter(Boolean);

async function until(what: string, look: () => boolean | Promise<boolean>): Promise<void> {
  await waitFor(async () => ((await look()) ? { done: true, value: undefined } : { done: false, missing: what }), {
    what,
    timeoutMs: 60_000,
    intervalMs: 20,
  });
}

test("it is noted down with its undo and its timer, then made, listed, and healed to the last file", async () => {
  expect((await noted(600)).exitCode).toBe(0);
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  expect(existsSync(made())).toBe(false);
  expect(await open()).toEqual([{ ...note, until: "2026-12-01T11:00:00.000Z", armed: true }]);
  const timer = Number((await readFile(join(folder, "timer"), "utf8")).split(" ")[0]);
  expect(await run(makeScript(folder, part))).toMatchObject({ exitCode: 0, stdout: "made\n" });
  expect(existsSync(made())).toBe(true);
  expect((await run(healScript(faults, [], "heal"))).stdout).toMatch(/^healed \{"id":"0123abcd"/);
  expect([existsSync(made()), await undone(), await readdir(join(home, ".redis-lab"))]).toEqual([false, ["heal"], []]);
  await until("the end of what waited", () => !existsSync(`/proc/${timer}`));
  expect(await run(healScript(faults, [], "heal"))).toMatchObject({ exitCode: 0, stdout: "" });
});

test("the host heals itself at the deadline", async () => {
  await noted(1);
  await run(makeScript(folder, part));
  await until("the deadline", () => !existsSync(folder));
  expect([existsSync(made()), await undone()]).toEqual([false, ["timer"]]);
});

test("an undo that fails leaves the fault open, and the timer tries again", async () => {
  part = { ...part, undo: sh`echo 'it is stuck' >&2; [ -e ${join(home, "free")} ]` };
  await noted(1);
  const { exitCode, stdout } = await run(healScript(faults, [], "heal"));
  expect([exitCode, stdout]).toEqual([1, `failed ${ID} it is stuck\n`]);
  expect(await open()).toHaveLength(1);
  await writeFile(join(home, "free"), "");
  await until("the next try", () => !existsSync(folder));
});

test("what was healed before it is made is not made", async () => {
  await noted();
  await run(healScript(faults, [], "heal"));
  expect((await run(makeScript(folder, part))).exitCode).toBe(HEALED);
  expect(existsSync(made())).toBe(false);
});

test("a heal in the middle of the making waits for it, and two heals undo once", async () => {
  part = { ...part, make: sh`: > ${join(home, "begun")}; until [ -e ${join(home, "go")} ]; do sleep 0.05; done; : > ${made()}` };
  await noted();
  const making = run(makeScript(folder, part));
  await until("the making to begin", () => existsSync(join(home, "begun")));
  const heals = [run(healScript(faults, [], "heal")), run(healScript(faults, [ID], "down"))];
  await writeFile(join(home, "go"), "");
  expect((await making).exitCode).toBe(0);
  expect((await Promise.all(heals)).map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  expect([existsSync(made()), await undone()]).toEqual([false, [expect.any(String)]]);
});

test("a make that fails says how, and is still open", async () => {
  part = { ...part, make: sh`echo no >&2; exit ${CANNOT}` };
  await noted();
  expect(await run(makeScript(folder, part))).toMatchObject({ exitCode: CANNOT, stdout: "", stderr: "no\n" });
  expect(await open()).toHaveLength(1);
});

test("what has no undo is over once it is made", async () => {
  part = { ...part, undo: undefined };
  await noted();
  expect((await run(makeScript(folder, part))).stdout).toBe("made\n");
  expect([existsSync(made()), await readdir(join(home, ".redis-lab"))]).toEqual([true, []]);
});

describe("a host that started since", () => {
  const another = () => writeFile(join(folder, "born"), "00000000-0000-0000-0000-000000000000 1\n");

  test("has nothing open of what a start ends, and nothing is undone", async () => {
    await noted();
    await another();
    expect(await open()).toEqual([]);
    expect(await run(healScript(faults, [], "heal"))).toMatchObject({ exitCode: 0, stdout: "" });
    expect([existsSync(folder), await undone()]).toEqual([false, []]);
  });

  test("still has what outlives it", async () => {
    await noted(undefined, false);
    expect(existsSync(join(folder, "born"))).toBe(false);
    expect(await open()).toHaveLength(1);
  });
});

test("one of several is healed alone, and what is being noted down is left", async () => {
  await noted();
  await noted(undefined, true, "89abcdef");
  await run(sh`mkdir ${join(faults, "76543210.new")}`);
  expect((await run(healScript(faults, [ID], "heal"))).stdout.match(/healed/g)).toHaveLength(1);
  expect((await readdir(faults)).sort()).toEqual(["76543210.new", "89abcdef"]);
});

test("lines that no journal wrote are passed over", () => {
  const good = JSON.stringify(note);
  const hostile = [
    "",
    "[]",
    "null",
    "{",
    JSON.stringify({ ...note, id: "../../etc" }),
    JSON.stringify({ ...note, touched: "all" }),
    JSON.stringify({ ...note, touched: [{}] }),
    JSON.stringify({ ...note, begun: "yesterday" }),
    JSON.stringify({ ...note, until: 7 }),
    JSON.stringify({ ...note, fault: "x".repeat(301) }),
  ];
  for (const text of hostile) expect(parseNote(text), text).toBeUndefined();
  expect(parseList([`@armed ${good}`, good, `@none ${good}`, ...hostile.map((text) => `@alone ${text}`)].join("\n"))).toEqual([
    { ...note, armed: true },
  ]);
});
