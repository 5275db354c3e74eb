import { expect, test } from "vitest";
import type { InstanceAccess, RedisClient } from "../../lib/redis/types.ts";
import { openPace } from "../../lib/transfer/import-pace.ts";
import type { ImportOptions } from "../../lib/transfer/types.ts";

const value = (key: string, bytes: number) => ({ key: Buffer.from(key), dump: Buffer.alloc(bytes), endsAt: undefined });

const open = (options: Partial<ImportOptions>, access: Partial<InstanceAccess> = {}) =>
  openPace({ emit: () => {}, mode: "copy", ...options }, ["m1:6379"], access as InstanceAccess);

test("without a throttle nothing waits, and batches are as large as they may be", async () => {
  expect((await open({})).limits).toEqual({ keys: 512, bytes: 1 << 20 });
  const pace = await open({ batchKeys: 5, batchBytes: 100 });
  expect(pace.limits).toEqual({ keys: 5, bytes: 100 });
  await pace.turn([value("large", 1 << 22)]);
});

test("under a rate a batch is a tenth of a second's worth", async () => {
  expect((await open({ throttle: { keysPerSecond: 100 } })).limits.keys).toBe(10);
  expect((await open({ throttle: { bytesPerSecond: 1000 } })).limits.bytes).toBe(100);
});

test("an abort ends the wait", async () => {
  const stop = new AbortController();
  const pace = await open({ throttle: { keysPerSecond: 0.1 }, signal: stop.signal });
  await pace.turn([value("first", 10)]);
  const second = pace.turn([value("second", 10)]);
  stop.abort(new Error("enough"));
  await expect(second).rejects.toThrow();
});

test("a master that does not answer makes batches small, and they wait", async () => {
  let ping = () => {};
  const asked = new Promise<void>((resolve) => {
    ping = resolve;
  });
  let closed = false;
  const client: Partial<RedisClient> = {
    closed: false,
    call() {
      ping();
      return new Promise(() => {});
    },
    close() {
      closed = true;
    },
  };
  const stop = new AbortController();
  // Any PING that is out takes longer.
  const pace = await open({ throttle: { maxLatencyMs: 1e-6 }, signal: stop.signal }, { connect: async () => client as RedisClient });
  expect(pace.limits.keys).toBe(16);
  await asked;
  const turn = pace.turn([value("late", 10)]);
  expect(pace.limits.keys).toBe(8);
  stop.abort(new Error("enough"));
  await expect(turn).rejects.toThrow();
  pace.close();
  expect(closed).toBe(true);
});
