import { expect, test } from "vitest";
import { LoadWriter, type Work } from "../../../lib/drill/load/writers.ts";

const KEYS = [
  { text: "p:{a}", slot: 1 },
  { text: "p:{b}", slot: 2 },
];

function writerOf(seed: number, reads = 0.2, id = 3): LoadWriter {
  return new LoadWriter({ id, shard: "s" }, KEYS, (random) => Math.floor(random * 2), { reads, seed });
}

function worksOf(writer: LoadWriter, count: number): Work[] {
  return Array.from({ length: count }, () => {
    const work = writer.next();
    writer.acknowledged(work);
    return work;
  });
}

test("values of writes and registers count up from 1 without a gap, and the key of a write ends with its value", () => {
  const works = worksOf(writerOf(1), 5000).filter(({ kind }) => kind === "write" || kind === "register");
  expect(works.map(({ v }) => v)).toEqual(works.map((_, index) => index + 1));
  for (const { kind, key, v } of works) if (kind === "write") expect(key).toMatch(new RegExp(`^p:\\{[ab]\\}:3:${v}$`));
});

test("kinds come in their shares", () => {
  const times: Record<string, number> = {};
  for (const { kind } of worksOf(writerOf(2, 0.5), 20_000)) times[kind] = (times[kind] ?? 0) + 1;
  const near = (kind: string, wanted: number) => expect(Math.abs((times[kind] ?? 0) / 20_000 - wanted), kind).toBeLessThan(0.015);
  for (const [kind, wanted] of Object.entries({ write: 0.4, register: 0.05, count: 0.05, read: 0.25, look: 0.25 })) near(kind, wanted);
});

test("only what was acknowledged is read back; before, the register is looked at", () => {
  const writer = writerOf(3, 0.5);
  const unread = Array.from({ length: 200 }, () => writer.next());
  expect(unread.some(({ kind }) => kind === "read")).toBe(false);
  const write = unread.find(({ kind }) => kind === "write") as Work;
  writer.acknowledged(write);
  const read = Array.from({ length: 200 }, () => writer.next()).filter(({ kind }) => kind === "read");
  expect(read.length).toBeGreaterThan(0);
  for (const each of read) expect(each).toEqual({ ...write, kind: "read" });
});

test("the same seed gives the same operations, and writers of one seed differ", () => {
  expect(worksOf(writerOf(9), 300)).toEqual(worksOf(writerOf(9), 300));
  const kinds = (id: number) => worksOf(writerOf(9, 0.5, id), 64).map(({ kind }) => kind);
  expect(kinds(1)).not.toEqual(kinds(2));
});
