import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  beginJournal,
  continueJournal,
  openMoves,
  quarantineIn,
  readJournals,
  removeUnbegun,
  setAside,
} from "../../../lib/cluster/apply/journal.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-journal-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const move = { source: "a", target: "b", slots: [{ first: 0, last: 9 }] };
const begin = () =>
  beginJournal(folder, { verb: "reshard", moves: [move], shardMembers: new Map([["a", new Set(["x"])]]), now: new Date(0) });
const names = async () => (await readdir(folder)).sort();

test("it names what may be open, is gone at its end, and lines of several pairs do not mix", async () => {
  const journal = await begin();
  expect(await openMoves(folder)).toMatchObject([{ verb: "reshard", begun: "1970-01-01T00:00:00.000Z", arrived: 0, moves: [move] }]);
  await Promise.all([journal.closed([0]), journal.closed([1, 2]), journal.closed([]), journal.closed([3])]);
  expect([...((await openMoves(folder))[0]?.open ?? [])]).toEqual([4, 5, 6, 7, 8, 9]);
  void journal.closed([4]);
  await journal.end();
  expect(await names()).toEqual([]);
});

// What a full disk, a kill or a power cut leaves in the place of the first line: nothing was opened yet.
test.each([
  ["an empty file", ""],
  ["half of the first line", '{"format":1,"begun":"1970'],
  ["zeros", "\0".repeat(4096)],
])("%s is not a move, and the next run removes it", async (_, text) => {
  await writeFile(join(folder, "x.jsonl"), text);
  expect(await openMoves(folder)).toEqual([]);
  expect(await readJournals(folder)).toEqual({ moves: [], corrupt: [], unbegun: [join(folder, "x.jsonl")] });
  const journal = await begin();
  await removeUnbegun(folder);
  expect(await openMoves(folder)).toHaveLength(1);
  await journal.end();
  expect(await names()).toEqual([]);
});

test("a torn last line says nothing, is cut off by the next, and does not make the journal corrupt", async () => {
  const { file } = await begin();
  await continueJournal(file).closed([0]);
  await appendFile(file, '{"closed":[1,2');
  expect((await openMoves(folder))[0]?.open.size).toBe(9);
  await continueJournal(file).closed([5]);
  await appendFile(file, '{"cl');
  expect([...((await openMoves(folder))[0]?.open ?? [])]).toEqual([1, 2, 3, 4, 6, 7, 8, 9]);
  expect((await readFile(file, "utf8")).split("\n")).toHaveLength(4);
});

describe("one that was changed", () => {
  test("is refused by those who go by it, and read around by those who do not", async () => {
    const good = await begin();
    await writeFile(join(folder, "a.jsonl"), "not a journal\n");
    const { file } = await begin();
    await appendFile(file, 'garbage\n{"closed":[1]}\n');
    await expect(openMoves(folder)).rejects.toMatchObject({ code: "cluster.corrupt-journal", next: expect.stringContaining("`fix`") });
    const { moves, corrupt } = await readJournals(folder);
    expect(moves.map((each) => each.file)).toEqual([good.file]);
    expect(corrupt.map((each) => [each.file, each.line])).toEqual(
      [
        [file, 2],
        [join(folder, "a.jsonl"), 1],
      ].sort(),
    );
  });

  test("is set aside under a name that no other has, and out of the way", async () => {
    const path = join(folder, "a.jsonl");
    for (const name of ["a.jsonl.corrupt", "a.jsonl.corrupt-2"]) {
      await writeFile(path, "not a journal\n");
      expect(await setAside({ file: path })).toBe(join(folder, name));
    }
    expect(await names()).toEqual(["a.jsonl.corrupt", "a.jsonl.corrupt-2"]);
    expect(await openMoves(folder)).toEqual([]);
  });
});

test("a journal that has no room for a line goes on without it", async () => {
  const journal = await begin();
  await rm(folder, { recursive: true });
  await writeFile(folder, "in the way");
  await journal.closed([1]);
  await rm(folder);
});

test("values of several pairs are kept as a whole, one line each", async () => {
  const keep = quarantineIn(folder, new Date(0));
  const value = (key: string) => ({ slot: 1, key: Buffer.from(key), instance: "a", dump: Buffer.alloc(50_000, key), ttlMs: 5 });
  await Promise.all([keep([value("a"), value("b")]), keep([value("c")]), keep([])]);
  await appendFile(keep.file, '{"slot":1,"key":"torn');
  await quarantineIn(folder, new Date(0))([value("d")]);
  const lines = (await readFile(keep.file, "utf8")).trim().split("\n");
  expect(lines.map((line) => JSON.parse(line).text)).toEqual(["a", "b", "c", "d"]);
});
