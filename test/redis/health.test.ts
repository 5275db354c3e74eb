import { expect, test } from "vitest";
import { healthOf, linkOf, resyncs, saveFindings } from "../../lib/redis/health.ts";

const MASTER = { role: "master", rdb_last_bgsave_status: "ok", aof_enabled: "0", sync_full: "2", uptime_in_seconds: "4000" };
const REPLICA = { ...MASTER, role: "slave", master_link_status: "up", master_last_io_seconds_ago: "3", master_sync_in_progress: "0" };

test("a failed save and a failed write of the append-only file are found; what is switched off is not", () => {
  const failed = (info: Readonly<Record<string, string>>) => saveFindings("a:1", healthOf({ ...MASTER, ...info })).map(({ text }) => text);
  expect(failed({})).toEqual([]);
  expect(failed({ rdb_last_bgsave_status: "err" })).toEqual([
    "a:1 can't keep its data: its last save (rdb_last_bgsave_status:err) failed.",
  ]);
  expect(failed({ aof_last_write_status: "err" })).toEqual([]);
  expect(failed({ aof_enabled: "1", aof_last_write_status: "err" })).toEqual([
    "a:1 can't keep its data: the last write of its append-only file failed.",
  ]);
  expect(saveFindings("a:1", undefined)).toEqual([]);
});

test("a link says how far behind it is, or since when it is down", () => {
  const replica = { offset: 900, streamId: "s", masterLink: "up" as const, health: healthOf(REPLICA) };
  expect(linkOf(replica, { offset: 1000, streamId: "s" })).toEqual({ state: "up", lagBytes: 100, seconds: 3, syncing: false });
  expect(linkOf(replica, { offset: 1000, streamId: "another" })?.lagBytes).toBeUndefined();
  expect(linkOf({ ...replica, offset: 1001 }, { offset: 1000, streamId: "s" })?.lagBytes).toBe(0);
  const down = healthOf({ ...REPLICA, master_link_status: "down", master_link_down_since_seconds: "12", master_sync_in_progress: "1" });
  expect(linkOf({ ...replica, masterLink: "down", health: down }, undefined)).toEqual({
    state: "down",
    lagBytes: undefined,
    seconds: 12,
    syncing: true,
  });
  expect(linkOf({ ...replica, masterLink: undefined }, undefined)).toBeUndefined();
  // A replica that has had no link since its start, as 4.0.14 says it.
  const fresh = healthOf({ ...REPLICA, master_link_status: "down", master_link_down_since_seconds: "1796105298", uptime_in_seconds: "1" });
  expect(fresh.linkDownSeconds).toBe(1);
});

test("full synchronisations again and again are told from those that restarts and resets explain", () => {
  const after = (fullSyncs: number, seconds: number, ...inStep: readonly boolean[]) =>
    resyncs(
      healthOf({ ...MASTER, sync_full: String(fullSyncs), uptime_in_seconds: String(seconds) }),
      inStep.map((each) => ({ inStep: each })),
    );
  expect([after(4, 60, false), after(5, 60, false), after(5, 2999, false), after(5, 3001, false), after(50, 3001, false)]).toEqual([
    false,
    true,
    true,
    false,
    true,
  ]);
  // One of two is enough, and all that are in step have it behind them, unless it comes far too often.
  expect([after(9, 60, true, false), after(9, 60, true, true), after(32, 60, true, true), after(33, 60, true, true)]).toEqual([
    true,
    false,
    false,
    true,
  ]);
  expect([after(16, 60), after(17, 60)]).toEqual([false, true]);
});
