import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { connectRedis } from "../../lib/redis/client.ts";
import { dial, Lab } from "../cluster/support.ts";
import {
  contentOf,
  contentOfCluster,
  fill,
  form,
  importInto,
  intercepted,
  isDeletion,
  must,
  type Outside,
  startOutside,
  ZOO,
} from "./support.ts";

let lab: Lab;
let outside: Outside;
beforeAll(async () => {
  [lab, outside] = await Promise.all([Lab.start(["m1", "m2", "m3"]), startOutside()]);
  await form(lab);
});
afterAll(() => Promise.all([lab.stop(), outside.stop()]));
afterEach(async () => {
  await must(outside.client, [["FLUSHALL"]]);
  await Promise.all(lab.members.map(({ id }) => lab.call(id, "FLUSHALL")));
});

const NOTHING = { imported: 0, same: 0, gone: 0, conflict: 0, refused: 0, changed: 0 };

describe("copy", () => {
  test("every type, size and byte, with the rest of its life; the source keeps all", async () => {
    await must(outside.client, ZOO);
    const before = await contentOf(outside.client);
    const { report, told } = await importInto(lab, outside.client);
    expect(report.counts).toEqual({ ...NOTHING, imported: ZOO.length });
    expect(report.mortal).toBe(2);
    expect(report.bytes).toBeGreaterThan(5000);
    expect(report.databases).toEqual([{ database: 0, keys: ZOO.length, imported: true }]);
    expect(told).toHaveLength(ZOO.length);
    expect(new Set(told.map(({ target }) => target?.id))).toEqual(new Set(["m1:6379", "m2:6379", "m3:6379"]));
    expect(await contentOfCluster(lab)).toEqual(before);
    expect(await contentOf(outside.client)).toEqual(before);
  });

  test("a second run finds all of it equal, also sets and hashes that each server dumps in an order of its own", async () => {
    await must(outside.client, ZOO);
    await importInto(lab, outside.client);
    const { report } = await importInto(lab, outside.client);
    expect(report.counts).toEqual({ ...NOTHING, same: ZOO.length });
    expect(report.left).toEqual([]);
  });

  test("streams with their groups and what these have not acknowledged, from 5.0 on", async () => {
    if (Number((await outside.client.call(["INFO", "server"]).then(String)).match(/redis_version:(\d+)/)?.[1]) < 5) return;
    const grown = [
      ...["1-1", "1-2", "2-1"].map((id) => ["XADD", "stream", id, "field", `value of ${id}`]),
      ["XGROUP", "CREATE", "stream", "group", "0"],
      ["XREADGROUP", "GROUP", "group", "somebody", "COUNT", "2", "STREAMS", "stream", ">"],
      ["XADD", "without groups", "*", "a", "b"],
    ];
    await must(outside.client, grown);
    await importInto(lab, outside.client);
    expect((await importInto(lab, outside.client)).report.counts).toEqual({ ...NOTHING, same: 2 });
    await must(outside.client, [["XACK", "stream", "group", "1-1"]]);
    expect((await importInto(lab, outside.client)).report.counts).toEqual({ ...NOTHING, same: 1, conflict: 1 });
    expect((await importInto(lab, outside.client, { mode: "move", conflict: "replace" })).report.counts).toEqual({
      ...NOTHING,
      imported: 2,
    });
  });

  test("more keys than a page and a batch, with little memory", async () => {
    await fill(outside.client, 25_000);
    const { report } = await importInto(lab, outside.client);
    expect(report.counts.imported).toBe(25_000);
    const counts = await Promise.all(lab.members.map(({ id }) => lab.call(id, "DBSIZE")));
    expect(counts.map(Number).reduce((a, b) => a + b)).toBe(25_000);
  });
});

describe("what the cluster has already", () => {
  beforeEach(async () => {
    await must(outside.client, [
      ["SET", "equal", "v"],
      ["SET", "other value", "of the source"],
      ["SET", "other life", "v", "EX", "1000"],
      ["SET", "other type", "v"],
      ["SET", "new", "v"],
    ]);
    const cluster = [
      ["SET", "equal", "v"],
      ["SET", "other value", "of the cluster"],
      ["SET", "other life", "v"],
      ["RPUSH", "other type", "v"],
    ];
    for (const command of cluster) await send(command);
  });

  test("another value or life is a conflict, left on both sides and told; the others go on", async () => {
    const [source, cluster] = [await contentOf(outside.client), await contentOfCluster(lab)];
    for (const mode of ["copy", "move"] as const) {
      const { report } = await importInto(lab, outside.client, { mode });
      expect(report.counts).toMatchObject({ conflict: 3, imported: mode === "copy" ? 1 : 0, same: mode === "copy" ? 1 : 2 });
      const whys = report.left.map(({ key, outcome }) => `${key}: ${"why" in outcome ? outcome.why : ""}`.replace(/m\d:6379/, "M")).sort();
      expect(whys).toEqual([
        "other life: M has another rest of its life",
        "other type: M has another value",
        "other value: M has another value",
      ]);
    }
    expect(await contentOfCluster(lab)).toEqual(new Map([...cluster, ["new", source.get("new")]]));
    const left = await contentOf(outside.client);
    expect([...left.keys()].sort()).toEqual(["other life", "other type", "other value"]);
    for (const [key, value] of left) expect(value).toBe(source.get(key));
  });

  test.each(["copy", "move"] as const)("is overwritten where that was asked for: %s", async (mode) => {
    const source = await contentOf(outside.client);
    const { report } = await importInto(lab, outside.client, { mode, conflict: "replace" });
    expect(report.counts).toEqual({ ...NOTHING, imported: 5 });
    expect(await contentOfCluster(lab)).toEqual(source);
    expect(await lab.call("m1:6379", "CLUSTER", "INFO")).toContain("cluster_state:ok");
    expect((await contentOf(outside.client)).size).toBe(mode === "copy" ? 5 : 0);
  });
});

describe("move", () => {
  test("the source is empty afterwards, and everything is in the cluster", async () => {
    await must(outside.client, ZOO);
    await fill(outside.client, 3000);
    const before = await contentOf(outside.client);
    const { report } = await importInto(lab, outside.client, { mode: "move" });
    expect(report.counts).toMatchObject({ imported: 3000 + ZOO.length, conflict: 0 });
    expect(await outside.client.call(["DBSIZE"])).toBe(0);
    expect(await contentOfCluster(lab)).toEqual(before);
  });

  /** Does something at the source by another client, each time just before keys are deleted there. */
  async function meddled(
    command: (round: number) => readonly string[] | undefined | Promise<readonly string[] | undefined>,
    options: Parameters<typeof importInto>[2] = {},
  ) {
    const meddler = await another();
    let round = 0;
    const source = intercepted(outside.client, async (commands, next) => {
      const meddling = isDeletion(commands) ? await command(round++) : undefined;
      if (meddling !== undefined) await meddler.call(meddling);
      return next();
    });
    const result = await importInto(lab, source, { mode: "move", ...options });
    meddler.close();
    return result;
  }

  test("a key that changes on its way arrives with its last value, and nothing is lost", async () => {
    await fill(outside.client, 20);
    const { report } = await meddled((round) => (round === 0 ? ["APPEND", "key:7", " and more"] : undefined));
    expect(report.counts).toEqual({ ...NOTHING, imported: 20 });
    expect(await outside.client.call(["DBSIZE"])).toBe(0);
    expect((await contentOfCluster(lab)).get("key:7")).toContain("value of key:7 and more");
  });

  test("a key that gets an end of its life on its way has it in the cluster", async () => {
    await fill(outside.client, 3);
    await meddled((round) => (round === 0 ? ["EXPIRE", "key:1", "600"] : undefined));
    expect((await contentOfCluster(lab)).get("key:1")).toContain("10 min");
  });

  test("a key that is deleted on its way is not brought back to life", async () => {
    await fill(outside.client, 20);
    const { report } = await meddled((round) => (round === 0 ? ["DEL", "key:7"] : undefined));
    expect(report.counts).toEqual({ ...NOTHING, imported: 19, gone: 1 });
    expect((await contentOfCluster(lab)).has("key:7")).toBe(false);
  });

  test("a key that never rests stays at the source with its present value", async () => {
    await fill(outside.client, 3);
    const { report } = await meddled((round) => ["SET", "key:1", `round ${round}`]);
    expect(report.counts).toEqual({ ...NOTHING, imported: 2, changed: 1 });
    expect(report.left).toMatchObject([{ outcome: { kind: "changed", why: expect.stringContaining("each of 5 times") } }]);
    expect([...(await contentOf(outside.client)).keys()]).toEqual(["key:1"]);
  });

  test("a key that a client of the cluster has written meanwhile is not overwritten", async () => {
    await fill(outside.client, 3);
    const { report } = await meddled(async (round) => {
      if (round > 0) return undefined;
      await send(["SET", "key:1", "of a client of the cluster"]);
      return ["SET", "key:1", "of a client of the source"];
    });
    expect(report.counts).toEqual({ ...NOTHING, imported: 2, changed: 1 });
    expect((await contentOfCluster(lab)).get("key:1")).toContain("of a client of the cluster");
    expect((await contentOf(outside.client)).get("key:1")).toContain("of a client of the source");
  });
});

describe("databases", () => {
  beforeEach(() =>
    must(outside.client, [
      ...[0, 1, 9].flatMap((database) => [
        ["SELECT", database],
        ["SET", `only in ${database}`, "v"],
        ["SET", "in all", `of ${database}`],
      ]),
      ["SELECT", 0],
    ]),
  );

  test("database 0 alone, and the others are told", async () => {
    const { report } = await importInto(lab, outside.client);
    expect(report.databases).toEqual([
      { database: 0, keys: 2, imported: true },
      { database: 1, keys: 2, imported: false },
      { database: 9, keys: 2, imported: false },
    ]);
    expect([...(await contentOfCluster(lab)).keys()].sort()).toEqual(["in all", "only in 0"]);
  });

  test.each(["keep", "replace"] as const)(
    "merged where that was asked for; a key of several databases is a conflict (%s)",
    async (conflict) => {
      const { report } = await importInto(lab, outside.client, { databases: "all", mode: "move", conflict });
      expect(report.counts).toEqual({ ...NOTHING, imported: 3, conflict: 3 });
      expect(report.left[0]).toMatchObject({ database: 0, outcome: { why: "databases 0 and 9 of the source both have it" } });
      expect([...(await contentOfCluster(lab)).keys()].sort()).toEqual(["only in 0", "only in 1", "only in 9"]);
      expect(await outside.client.call(["GET", "in all"])).toBe("of 0");
    },
  );

  test("some of them", async () => {
    const { report } = await importInto(lab, outside.client, { databases: [9] });
    expect(report.counts).toEqual({ ...NOTHING, imported: 2 });
    expect((await contentOfCluster(lab)).get("in all")).toContain("of 9");
  });

  test("one that has no keys is named", async () => {
    await expect(importInto(lab, outside.client, { databases: [0, 5] })).rejects.toMatchObject({
      code: "cluster.bad-database",
      what: expect.stringContaining("5 is not a database with keys"),
      next: "Name some of 0, 1, 9, or all of them.",
    });
  });
});

describe("under a throttle", () => {
  test.each(["copy", "move"] as const)("in keys per second, and in bytes: %s", async (mode) => {
    await fill(outside.client, 60);
    const before = await contentOf(outside.client);
    const { report } = await importInto(lab, outside.client, { mode, throttle: { keysPerSecond: 100 } });
    expect(report.counts.imported).toBe(60);
    // The first ten of them at once.
    expect(report.seconds).toBeGreaterThan(0.45);
    expect(await contentOfCluster(lab)).toEqual(before);
    await Promise.all([must(outside.client, [["FLUSHALL"]]), ...lab.members.map(({ id }) => lab.call(id, "FLUSHALL"))]);
    await must(
      outside.client,
      ["a", "b", "c", "d"].map((key) => ["SET", key, "x".repeat(1000)]),
    );
    const second = await importInto(lab, outside.client, { mode, throttle: { bytesPerSecond: 10_000 } });
    // A tenth of a second's worth at once, and the last one is overdrawn.
    expect(second.report.seconds).toBeGreaterThan((second.report.bytes - 2100) / 10_000);
    expect(second.report.counts.imported).toBe(4);
  });

  test("under a ceiling of latency, of the source as well, it comes to its end", async () => {
    await fill(outside.client, 2000);
    const before = await contentOf(outside.client);
    const sourceProbe = await connectRedis(outside.server, dial, { passwords: [], timeoutMs: 10_000 });
    await importInto(lab, outside.client, { throttle: { maxLatencyMs: 200 }, sourceProbe });
    expect(sourceProbe.closed).toBe(true);
    expect(await contentOfCluster(lab)).toEqual(before);
  });
});

describe("ends and begins again", () => {
  test.each(["copy", "move"] as const)("an abort lets the keys in flight arrive; the next run does the rest: %s", async (mode) => {
    await fill(outside.client, 3000);
    const before = await contentOf(outside.client);
    const stop = new AbortController();
    let seen = 0;
    const onKey = () => {
      seen += 1;
      if (seen === 700) stop.abort(new Error("enough"));
    };
    await expect(importInto(lab, outside.client, { mode, signal: stop.signal, onKey, batchKeys: 100 })).rejects.toThrow("enough");
    const there = (await contentOfCluster(lab)).size;
    expect(there).toBe(seen);
    expect(there).toBeLessThan(1500);
    const { report } = await importInto(lab, outside.client, { mode });
    expect(report.counts).toEqual({
      ...NOTHING,
      ...(mode === "copy" ? { imported: 3000 - there, same: there } : { imported: 3000 - there }),
    });
    expect(await contentOfCluster(lab)).toEqual(before);
    expect(await outside.client.call(["DBSIZE"])).toBe(mode === "copy" ? 3000 : 0);
  });

  test("killed between the cluster's answer and the deletion: the next run finds the keys equal and deletes them", async () => {
    await must(outside.client, ZOO);
    const before = await contentOf(outside.client);
    const source = intercepted(outside.client, (commands, next) => (isDeletion(commands) ? Promise.reject(new Error("killed")) : next()));
    await expect(importInto(lab, source, { mode: "move", batchKeys: 5 })).rejects.toThrow("killed");
    expect(await outside.client.call(["DBSIZE"])).toBe(ZOO.length);
    const { report } = await importInto(lab, outside.client, { mode: "move" });
    expect(report.counts).toMatchObject({ conflict: 0, imported: ZOO.length - report.counts.same });
    expect(report.counts.same).toBeGreaterThan(0);
    expect(await contentOfCluster(lab)).toEqual(before);
    expect(await outside.client.call(["DBSIZE"])).toBe(0);
  });
});

/** A command to whom it belongs. */
async function send(command: readonly string[]): Promise<void> {
  for (const { id } of lab.members) {
    const [reply] = await (await lab.access.client(id)).callAll([command]);
    if (!(reply instanceof Error)) return;
  }
  throw new Error(`nobody took ${command.join(" ")}`);
}

/** Another client of the source. */
function another() {
  return connectRedis(outside.server, dial, { passwords: [] });
}
