import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { OperationLine } from "../../lib/drill/history.ts";
import { Ledger } from "../../lib/drill/ledger.ts";

let folder: string;
let file: string;

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "redis-lab-ledger-")), "history");
  file = join(folder, "operations.jsonl");
});
afterEach(() => rm(join(folder, ".."), { recursive: true, force: true }));

const linesOf = async (): Promise<OperationLine[]> =>
  (await readFile(file, "utf8"))
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));

test("each line is what it says, in a file for its owner alone", async () => {
  const ledger = await Ledger.create(file);
  ledger.invoke({ o: 1, t: 10, w: 0, op: "write", key: "load:a:{0-1}:0:1", v: 1, late: 0 });
  ledger.invoke({ o: 2, t: 11, w: 1, op: "look", key: "load:a:{0-1}:r1", v: undefined, late: 250 });
  ledger.end({ k: "ok", o: 1, t: 12, node: "127.0.0.1:6379" });
  ledger.end({ k: "ok", o: 2, t: 13, v: null });
  ledger.end({ k: "fail", o: 3, t: 14, error: 'READONLY "quoted"\n' });
  ledger.end({ k: "unknown", o: 4, t: 15, error: "x".repeat(5_000) });
  ledger.flush();
  ledger.close();
  expect(await linesOf()).toEqual([
    { k: "invoke", o: 1, t: 10, w: 0, op: "write", key: "load:a:{0-1}:0:1", v: 1 },
    { k: "invoke", o: 2, t: 11, w: 1, op: "look", key: "load:a:{0-1}:r1", late: 250 },
    { k: "ok", o: 1, t: 12, node: "127.0.0.1:6379" },
    { k: "ok", o: 2, t: 13, v: null },
    { k: "fail", o: 3, t: 14, error: 'READONLY "quoted"\n' },
    { k: "unknown", o: 4, t: 15, error: "x".repeat(200) },
  ]);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  expect(ledger.bytes).toBe((await stat(file)).size);
});

test("nothing is written before it is flushed, and a flush is one write, however the kernel takes it", async () => {
  const taken: number[] = [];
  const ledger = await Ledger.create(file, (_descriptor, bytes, offset) => {
    const count = Math.min(50, bytes.length - offset);
    taken.push(count);
    return count;
  });
  for (let o = 1; o <= 3; o += 1) ledger.end({ k: "ok", o, t: o });
  expect(taken).toEqual([]);
  ledger.flush();
  ledger.flush();
  ledger.close();
  expect(taken).toEqual([50, 19]);
  expect(ledger.bytes).toBe(69);
});

test("a full disk is an error that names the file", async () => {
  const ledger = await Ledger.create(file, () => {
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" });
  });
  ledger.end({ k: "ok", o: 1, t: 1 });
  expect(() => ledger.flush()).toThrow(expect.objectContaining({ code: "file.not-written", what: expect.stringContaining(file) }));
  ledger.close();
});

test("a history that is there already is not written into", async () => {
  (await Ledger.create(file)).close();
  await expect(Ledger.create(file)).rejects.toMatchObject({ code: "file.not-written" });
});
