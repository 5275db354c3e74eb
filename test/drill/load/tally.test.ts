import { expect, test } from "vitest";
import { LoadTally, type Outcome } from "../../../lib/drill/load/tally.ts";

const ok = (shard: number, kind: Outcome["kind"], at: number, took = 1000): Outcome => ({
  shard,
  kind,
  due: at - took,
  at,
  k: "ok",
});
const bad = (k: "fail" | "unknown", at: number, code: string): Outcome => ({
  shard: 0,
  kind: "write",
  due: at,
  at,
  k,
  failure: { certain: k === "fail", code, text: code },
});

test("outcomes are counted by shard, reads and writes apart, in a series with one value a second", () => {
  const tally = new LoadTally(
    [
      { name: "a", writers: 1 },
      { name: "b", writers: 1 },
    ],
    0,
  );
  tally.add(ok(0, "write", 1000));
  tally.add(ok(0, "read", 2000, 500));
  tally.add(bad("fail", 3000, "READONLY"));
  tally.endSecond();
  tally.endSecond();
  tally.add(ok(1, "look", 2_100_000));
  tally.unsent({ shard: 0, reads: false, count: 3, at: 2_200_000, code: "not-sent", outage: true });
  tally.add(bad("unknown", 2_300_000, "timeout"));
  tally.endSecond();
  expect(tally.counts).toEqual({ acknowledged: 3, failed: 4, notSent: 3, unknown: 1 });
  const [a, b] = tally.shards;
  expect(a?.writes.series).toMatchObject({ acknowledged: [1, 0, 0], failed: [1, 0, 3], unknown: [0, 0, 1], max: [1, 0, 0] });
  expect(a?.reads.series.acknowledged).toEqual([1, 0, 0]);
  expect(b?.reads.series.acknowledged).toEqual([0, 0, 1]);
  expect(b?.writes.latency.count).toBe(0);
  expect(a?.writes.gaps).toEqual([{ from: 1000, to: undefined, firstError: 3000, lastError: 2_300_000, errors: 5 }]);
  expect(tally.errors).toEqual({ READONLY: 1, "not-sent": 3, timeout: 1 });
  expect(tally.latency.reads.count).toBe(2);
});

test("what is not sent while the servers answer is no gap: more is asked for than they can do", () => {
  const tally = new LoadTally([{ name: "a", writers: 1 }], 0);
  tally.add(ok(0, "write", 1000));
  tally.unsent({ shard: 0, reads: false, count: 40, at: 2_000, code: "not-sent", outage: false });
  tally.unsent({ shard: 0, reads: true, count: 10, at: 2_000, code: "not-sent", outage: false });
  tally.add(ok(0, "write", 3000));
  expect(tally.counts).toEqual({ acknowledged: 1 + 1, failed: 50, notSent: 50, unknown: 0 });
  expect(tally.shards[0]?.writes.gapCount).toBe(0);
  expect(tally.shards[0]?.reads).toMatchObject({ failed: 10, notSent: 10, gapCount: 0 });
});
