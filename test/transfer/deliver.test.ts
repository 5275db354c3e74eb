import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { keySlot } from "../../lib/cluster/model/slots.ts";
import { moveSlots } from "../../lib/cluster/move/run.ts";
import { importKeys } from "../../lib/transfer/import.ts";
import { CutOff, CutOffAccess } from "../cluster/move/cut-off.ts";
import { Lab, NODE_TIMEOUT } from "../cluster/support.ts";
import { contentOf, contentOfCluster, fill, form, importInto, intercepted, must, type Outside, startOutside, ZOO } from "./support.ts";

let outside: Outside;
beforeAll(async () => {
  outside = await startOutside();
});
afterAll(() => outside.stop());
afterEach(() => outside.client.call(["FLUSHALL"]));

const NOTHING = { imported: 0, same: 0, gone: 0, conflict: 0, refused: 0, changed: 0 };

describe("three masters", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.start(["m1", "m2", "m3"]);
    await form(lab);
  });
  afterAll(() => lab.stop());
  afterEach(() => Promise.all(lab.members.map(({ id }) => lab.call(id, "FLUSHALL"))));

  /** `key:0` … that hash to the first master. */
  const ofM1 = Array.from({ length: 200 }, (_, index) => `key:${index}`).filter((key) => keySlot(key) < 5461);

  test("a slot that is open: what has not travelled yet goes to the importing master, and is found equal there", async () => {
    const key = ofM1[0] ?? "";
    const slot = keySlot(key);
    const ids = await Promise.all(lab.members.map(({ id }) => lab.call(id, "CLUSTER", "MYID")));
    await lab.call("m2:6379", "CLUSTER", "SETSLOT", String(slot), "IMPORTING", String(ids[0]));
    await lab.call("m1:6379", "CLUSTER", "SETSLOT", String(slot), "MIGRATING", String(ids[1]));
    await must(outside.client, [["SET", key, "v", "EX", "600"]]);
    expect((await importInto(lab, outside.client)).report.counts).toEqual({ ...NOTHING, imported: 1 });
    expect(await lab.call("m2:6379", "CLUSTER", "COUNTKEYSINSLOT", String(slot))).toBe(1);
    expect((await importInto(lab, outside.client)).report.counts).toEqual({ ...NOTHING, same: 1 });
    await outside.client.call(["SET", key, "another"]);
    expect((await importInto(lab, outside.client)).report.counts).toEqual({ ...NOTHING, conflict: 1 });
    expect((await importInto(lab, outside.client, { mode: "move", conflict: "replace" })).report.counts).toEqual({
      ...NOTHING,
      imported: 1,
    });
    const [, value] = await (await lab.access.client("m2:6379")).callAll([["ASKING"], ["GET", key]]);
    expect(String(value)).toBe("another");
    for (const id of ["m1:6379", "m2:6379"]) await lab.call(id, "CLUSTER", "SETSLOT", String(slot), "STABLE");
    await lab.call("m2:6379", "FLUSHALL");
  });

  test.each(["copy", "move"] as const)("slots that move meanwhile are followed: %s", async (mode) => {
    await must(outside.client, ZOO);
    await fill(outside.client, 8000);
    const before = await contentOf(outside.client);
    const there = { source: "m1:6379", target: "m2:6379", slots: [{ first: 0, last: 400 }] };
    const back = { ...there, source: there.target, target: there.source };
    const importing = importInto(lab, outside.client, { mode, batchKeys: 50 });
    let over = false;
    importing.then(
      () => (over = true),
      () => (over = true),
    );
    let moves = 0;
    for (; moves < 2 || !over; moves += 1) await moveSlots([moves % 2 === 0 ? there : back], lab.members, lab.access, { emit: lab.emit });
    if (moves % 2 === 1) await moveSlots([back], lab.members, lab.access, { emit: lab.emit });
    const { report } = await importing;
    expect(report.counts).toEqual({ ...NOTHING, imported: 8000 + ZOO.length });
    expect(await contentOfCluster(lab)).toEqual(before);
    expect(await outside.client.call(["DBSIZE"])).toBe(mode === "copy" ? before.size : 0);
  });

  test("a value larger than the target takes is refused by name, and the others arrive", async () => {
    await must(
      outside.client,
      ofM1.slice(0, 20).map((key) => ["SET", key, "v"]),
    );
    await must(outside.client, [["SET", `{${ofM1[0]}}large`, randomText(3 << 20)]]);
    await lab.call("m1:6379", "CONFIG", "SET", "proto-max-bulk-len", String(2 << 20));
    const { report } = await importInto(lab, outside.client, { mode: "move" });
    await lab.call("m1:6379", "CONFIG", "SET", "proto-max-bulk-len", String(512 << 20));
    expect(report.counts).toEqual({ ...NOTHING, imported: 20, refused: 1 });
    expect(report.left).toMatchObject([
      { outcome: { why: expect.stringMatching(/3145\d+ bytes long on its way, and m1:6379 takes 2097152 at most/) } },
    ]);
    expect(await outside.client.call(["DBSIZE"])).toBe(1);
    expect((await importInto(lab, outside.client, { mode: "move" })).report.counts.imported).toBe(1);
  });

  test("a source that is newer than the cluster is told once, with the versions", async () => {
    await fill(outside.client, 3000);
    const newer = intercepted(outside.client, async (_commands, next) => (await next()).map(asIfNewer) as Awaited<ReturnType<typeof next>>);
    await expect(importInto(lab, newer)).rejects.toMatchObject({
      code: "cluster.source-too-new",
      what: expect.stringMatching(
        /^m\d:6379 \(Redis \S+\) can't read what 127\S+ \(Redis \S+\) writes: DUMP payload version or checksum are wrong\. 0 keys were/,
      ),
      why: expect.stringContaining("RDB version 999;"),
    });
    expect((await contentOfCluster(lab)).size).toBe(0);
  });

  test("a master without memory ends the import, and the next run goes on", async () => {
    await must(
      outside.client,
      ofM1.map((key) => ["SET", key, "v"]),
    );
    await lab.call("m1:6379", "CONFIG", "SET", "maxmemory", "1");
    await expect(importInto(lab, outside.client)).rejects.toMatchObject({
      code: "cluster.target-refuses",
      what: expect.stringMatching(/^m1:6379 takes no more keys: OOM/),
    });
    await lab.call("m1:6379", "CONFIG", "SET", "maxmemory", "0");
    expect((await importInto(lab, outside.client)).report.counts.imported).toBe(ofM1.length);
  });

  test("cut off after any number of keys, the next run ends with all of them and no conflict", async () => {
    for (const [index, after] of [0, 1, 5, 30, 77, 149].entries()) {
      const mode = index % 2 === 0 ? "move" : "copy";
      await Promise.all(
        [outside.client, ...(await Promise.all(lab.members.map(({ id }) => lab.access.client(id))))].map((client) =>
          client.call(["FLUSHALL"]),
        ),
      );
      await must(outside.client, ZOO);
      await fill(outside.client, 150);
      const before = await contentOf(outside.client);
      const cut = new CutOffAccess(lab.access, after);
      await expect(importKeys(outside.client, lab.members, cut, { emit: lab.emit, mode, batchKeys: 20 })).rejects.toBeInstanceOf(CutOff);
      const { report } = await importInto(lab, outside.client, { mode });
      expect(report.counts).toMatchObject({ conflict: 0, refused: 0, changed: 0 });
      expect(await contentOfCluster(lab)).toEqual(before);
      expect(await outside.client.call(["DBSIZE"])).toBe(mode === "copy" ? before.size : 0);
    }
  });

  test("a cluster without a master for some slots takes nothing", async () => {
    await fill(outside.client, 3);
    await lab.call("m3:6379", "CLUSTER", "DELSLOTS", "16383");
    await expect(importInto(lab, outside.client)).rejects.toMatchObject({
      code: "cluster.not-whole",
      what: expect.stringContaining("16383"),
    });
    await lab.call("m3:6379", "CLUSTER", "ADDSLOTS", "16383");
  });
});

test("a master that fails in the middle of a move: its replica takes the rest, and no key is lost", async () => {
  const lab = await Lab.start(["m1", "m2", "m3", "r1"], {}, NODE_TIMEOUT);
  await form(lab);
  await fill(outside.client, 4000);
  const before = await contentOf(outside.client);
  let seen = 0;
  let dying: Promise<void> | undefined;
  const onKey = () => {
    seen += 1;
    if (seen === 1500) dying = lab.kill("m1:6379");
  };
  const { report } = await importInto(lab, outside.client, { mode: "move", batchKeys: 100, onKey });
  await dying;
  expect(report.counts).toMatchObject({ conflict: 0, refused: 0, changed: 0 });
  expect(await outside.client.call(["DBSIZE"])).toBe(0);
  expect(await contentOfCluster(lab)).toEqual(before);
  await lab.stop();
});

test("a master that stays away ends the import with its reason; the keys that had not arrived are at the source", async () => {
  const lab = await Lab.start(["m1", "m2", "m3"], {}, NODE_TIMEOUT);
  await form(lab);
  await fill(outside.client, 2000);
  const before = await contentOf(outside.client);
  let seen = 0;
  const onKey = () => {
    seen += 1;
    if (seen === 500) void lab.kill("m1:6379", { wipe: false });
  };
  await expect(importInto(lab, outside.client, { mode: "move", batchKeys: 100, onKey, recoveryMs: 10_000 })).rejects.toMatchObject({
    code: "cluster.not-whole",
    what: expect.stringMatching(/not seen: a master for the slots 0-5460\. \d+ keys were imported before\.$/),
  });
  // The two that are left stop answering when they miss the third, unless they are to go on without its slots.
  for (const id of ["m2:6379", "m3:6379"]) {
    await lab.call(id, "CONFIG", "SET", "cluster-require-full-coverage", "no");
    await expect.poll(() => lab.call(id, "CLUSTER", "INFO"), { timeout: 60_000 }).toContain("cluster_state:ok");
  }
  const [left, there] = [await contentOf(outside.client), await contentOfCluster(lab)];
  expect([...before.keys()].filter((key) => !left.has(key) && !there.has(key) && keySlot(Buffer.from(key, "latin1")) > 5460)).toEqual([]);
  expect(left.size).toBeGreaterThan(0);
  await lab.stop();
});

/** What a source of a later version would have dumped. */
function asIfNewer(reply: unknown): unknown {
  if (Array.isArray(reply)) return reply.map(asIfNewer);
  if (!Buffer.isBuffer(reply) || reply.length < 12) return reply;
  const newer = Buffer.from(reply);
  newer.writeUInt16LE(999, newer.length - 10);
  return newer;
}

/** Bytes that no compression shortens. */
function randomText(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let index = 0; index < length; index += 1) {
    state = (state * 48_271) % 2_147_483_647;
    bytes[index] = state & 255;
  }
  return bytes;
}
