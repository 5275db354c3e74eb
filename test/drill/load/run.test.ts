import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { OperationLine } from "../../../lib/drill/history.ts";
import { Ledger, type WriteBytes } from "../../../lib/drill/ledger.ts";
import type { Answer, LoadClient, Task } from "../../../lib/drill/load/client.ts";
import { LoadRun } from "../../../lib/drill/load/run.ts";
import type { LoadSettings } from "../../../lib/drill/load/settings.ts";

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-run-"));
  file = join(folder, "operations.jsonl");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const SETTINGS: LoadSettings = {
  rate: 500,
  forMs: 400,
  writers: 4,
  keys: "uniform",
  keyCount: 2,
  size: 8,
  reads: 0.2,
  pipeline: 1,
  // A busy computer keeps a test waiting for seconds.
  timeoutMs: 60_000,
  seed: 1,
};

async function runOf(
  send: (task: Task) => Promise<Answer>,
  changes: Partial<LoadSettings> = {},
  more: { readonly write?: WriteBytes; readonly client?: Partial<LoadClient> } = {},
) {
  const looks: number[] = [];
  const ledger = await Ledger.create(file, more.write);
  const client: LoadClient = { send, nodeOf: ({ shard }) => `node${shard}`, lookAgain: ({ shard }) => void looks.push(shard), close() {} };
  const run = new LoadRun({
    settings: { ...SETTINGS, ...changes },
    shards: [{ name: "a" }, { name: "b" }],
    keys: [[{ text: "{a}", slot: 0 }], [{ text: "{b}", slot: 9 }]],
    ledger,
    client: Object.defineProperties(client, Object.getOwnPropertyDescriptors(more.client ?? {})),
  });
  return { run, looks, ledger };
}

/** Every operation of the ledger with its one outcome, each of a run that was not sent too; fails where one has more, or comes before its invocation. */
async function accounts(): Promise<ReadonlyMap<number, { readonly invoke: OperationLine; readonly outcome: OperationLine | undefined }>> {
  const operations = new Map<number, { invoke: OperationLine; outcome: OperationLine | undefined }>();
  for (const text of (await readFile(file, "utf8")).split("\n").slice(0, -1)) {
    const line = JSON.parse(text) as OperationLine;
    const known = operations.get(line.o);
    if (line.k === "unsent")
      for (let o = line.o; o < line.o + line.n; o += 1) {
        expect(operations.has(o)).toBe(false);
        operations.set(o, { invoke: line, outcome: line });
      }
    else if (line.k === "invoke") {
      expect(known).toBeUndefined();
      operations.set(line.o, { invoke: line, outcome: undefined });
    } else {
      expect(known, text).toBeDefined();
      expect(known?.outcome).toBeUndefined();
      if (known !== undefined) known.outcome = line;
    }
  }
  return operations;
}

const soon = <T>(value: T) => new Promise<T>((resolve) => setImmediate(() => resolve(value)));
const never = () => new Promise<never>(() => {});

test("every operation that was due has one invocation and one outcome, and what is counted is what is written", async () => {
  const { run } = await runOf(() => soon({ k: "ok" }));
  const summary = await run.run();
  expect(summary.operations).toBe(200);
  expect(summary).toMatchObject({ acknowledged: 200, failed: 0, unknown: 0, notSent: 0 });
  const operations = await accounts();
  expect(operations.size).toBe(200);
  expect([...operations.values()].every(({ outcome }) => outcome?.k === "ok")).toBe(true);
  expect(summary.shards.map(({ shard, writes, reads }) => [shard, writes.acknowledged + reads.acknowledged])).toEqual([
    ["a", 100],
    ["b", 100],
  ]);
  expect(summary.endedBy).toBeUndefined();
});

test("the line of an operation is on disk before it is sent", async () => {
  const { run, ledger } = await runOf(async (task) => {
    expect((await readFile(file, "utf8")).includes(`{"k":"invoke","o":${task.o},`)).toBe(true);
    return { k: "ok" };
  });
  expect((await run.run()).acknowledged).toBe(200);
  expect(ledger.bytes).toBeGreaterThan(0);
});

test("a writer has one operation under way, or as many as its pipeline", async () => {
  for (const pipeline of [1, 3]) {
    // One writer a shard.
    const underWay = [0, 0];
    let most = 0;
    const add = (shard: number, count: number) => {
      underWay[shard] = (underWay[shard] ?? 0) + count;
      most = Math.max(most, underWay[shard] ?? 0);
    };
    const { run } = await runOf(
      async ({ shard }) => {
        add(shard, 1);
        await soon(undefined);
        await soon(undefined);
        add(shard, -1);
        return { k: "ok" };
      },
      { writers: 1, pipeline, rate: 5000, forMs: 100 },
    );
    await run.run();
    expect(most).toBe(pipeline);
    await rm(file);
  }
});

test("latency counts from the moment at which an operation was due, though its writer was not free to send it", async () => {
  // Each answer takes 20 ms, one writer, an operation every 2 ms: most of the time is spent waiting for a turn.
  const slow = () => new Promise<Answer>((resolve) => setTimeout(() => resolve({ k: "ok" }), 20));
  const { run } = await runOf(slow, { writers: 1, rate: 200, forMs: 500, timeoutMs: 5_000, reads: 0 });
  const { latency, late } = await run.run();
  expect(latency.writes.count).toBe(100);
  expect(latency.writes.max).toBeGreaterThan(400);
  expect(late.max).toBeGreaterThan(350);
});

test("what is not answered in time is unknown, its shard is looked for again, and other operations go on", async () => {
  const { run, looks } = await runOf(({ shard }) => (shard === 0 ? never() : soon<Answer>({ k: "ok" })), { timeoutMs: 3_000 });
  const summary = await run.run();
  const [a, b] = summary.shards;
  expect(b?.writes.unknown).toBe(0);
  expect((b?.writes.acknowledged ?? 0) + (b?.reads.acknowledged ?? 0)).toBe(100);
  // Four writers, each with one operation and then, as that is given up, with another one.
  expect((a?.writes.unknown ?? 0) + (a?.reads.unknown ?? 0)).toBeGreaterThanOrEqual(4);
  expect(summary.acknowledged + summary.failed + summary.unknown).toBe(200);
  expect(summary.notSent).toBe(summary.failed);
  expect(looks.length).toBeGreaterThan(0);
  expect(new Set(looks)).toEqual(new Set([0]));
  const operations = await accounts();
  expect([...operations.values()].filter(({ outcome }) => outcome === undefined)).toEqual([]);
  expect(operations.size).toBe(200);
});

test("an answer that comes after it was given up changes nothing", async () => {
  const late = () => new Promise<Answer>((resolve) => setTimeout(() => resolve({ k: "ok" }), 200));
  const { run } = await runOf(late, { timeoutMs: 50, forMs: 100 });
  const summary = await run.run();
  expect(summary.acknowledged).toBe(0);
  for (const { outcome } of (await accounts()).values()) expect(["unknown", "unsent"]).toContain(outcome?.k);
});

test("refusals are failures, and make a gap of their shard", async () => {
  let count = 0;
  const { run } = await runOf(async ({ shard }) => {
    if (shard === 1) return { k: "ok" };
    count += 1;
    const refused = { certain: true, code: "READONLY", text: "READONLY You can't write against a read only replica." };
    return count > 30 && count < 60 ? { k: "fail", failure: refused } : { k: "ok" };
  });
  const summary = await run.run();
  expect(summary.errors).toEqual({ READONLY: 29 });
  expect(summary.failed).toBe(29);
  expect(summary.shards[0]?.writes.gapCount).toBe(1);
  expect(summary.shards[1]?.writes.gapCount).toBe(0);
});

test("stopped, nothing becomes due any more, and what waits has failed without being sent", async () => {
  const slow = () => new Promise<Answer>((resolve) => setTimeout(() => resolve({ k: "ok" }), 100));
  const { run } = await runOf(slow, { forMs: undefined, timeoutMs: 10_000, writers: 1 });
  const ending = run.run();
  setTimeout(() => run.stop(undefined), 250);
  const summary = await ending;
  expect(summary.acknowledged).toBeGreaterThan(1);
  expect(summary.notSent).toBeGreaterThan(50);
  expect(summary.acknowledged + summary.failed).toBe(summary.operations);
  expect(summary.endedBy).toBeUndefined();
  expect((await accounts()).size).toBe(summary.operations);
});

test("a disk that is full ends the load: nothing is sent without its line, and what had no outcome by then is unknown", async () => {
  let written = 0;
  const sent: number[] = [];
  const { writeSync } = await import("node:fs");
  const { run } = await runOf(
    async ({ o }) => {
      sent.push(o);
      return { k: "ok" };
    },
    {},
    {
      write(descriptor, bytes, offset) {
        if (written > 4_000) throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC", syscall: "write" });
        // The disk takes a part of the last lines.
        const part = bytes.subarray(offset, offset + Math.min(bytes.length - offset, 4_100 - written));
        written += part.length;
        return writeSync(descriptor, part);
      },
    },
  );
  const summary = await run.run();
  expect(summary.endedBy).toContain("operations.jsonl");
  expect(summary.acknowledged + summary.unknown).toBeLessThan(200);
  const whole = (await readFile(file, "utf8")).split("\n").slice(0, -1);
  const invoked = whole.flatMap((line) => (line.startsWith('{"k":"invoke"') ? [JSON.parse(line).o] : []));
  const ended = whole.filter((line) => line.startsWith('{"k":"ok"')).length;
  expect(sent.filter((o) => !invoked.includes(o))).toEqual([]);
  // What counts is on disk.
  expect(summary.acknowledged).toBeLessThanOrEqual(ended);
});

test("a client that is broken ends the load, and says why", async () => {
  let broken: string | undefined;
  const client = Object.defineProperty({}, "broken", { enumerable: true, get: () => broken });
  const { run } = await runOf(() => soon({ k: "ok" }), { forMs: undefined }, { client });
  const ending = run.run();
  setTimeout(() => {
    broken = "the client ended";
  }, 100);
  expect((await ending).endedBy).toBe("the client ended");
});

test("asked for more than can be done, it does what can be done, and a few lines account for all that was not sent", async () => {
  const { run } = await runOf(() => soon({ k: "ok" }), { rate: 2_000_000, forMs: 1_000, timeoutMs: 100, writers: 2 });
  const summary = await run.run();
  expect(summary.operations).toBe(2_000_000);
  expect(summary.acknowledged).toBeGreaterThan(0);
  expect(summary.notSent).toBeGreaterThan(1_000_000);
  expect(summary.acknowledged + summary.failed + summary.unknown).toBe(2_000_000);
  const runs: Extract<OperationLine, { readonly k: "unsent" }>[] = [];
  for (const text of (await readFile(file, "utf8")).split("\n").slice(0, -1)) {
    const line = JSON.parse(text) as OperationLine;
    if (line.k === "unsent") runs.push(line);
  }
  expect(runs.length).toBeLessThan(5_000);
  const counted = (op: string) => runs.filter((each) => each.op === op).reduce((sum, { n }) => sum + n, 0);
  expect(counted("write") + counted("look")).toBe(summary.notSent);
  expect(counted("look") / summary.notSent).toBeCloseTo(SETTINGS.reads, 2);
  for (const { from, to, n } of runs) expect(n === 1 ? to === from : to >= from).toBe(true);
});
