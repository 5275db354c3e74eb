import { expect, test } from "vitest";
import { defineLab, numberedHosts } from "../../lib/lab/define-lab.ts";
import { downSince } from "../../lib/operations/down-since.ts";
import { failoversDue } from "../../lib/operations/failover-due.ts";
import type { StatusRow } from "../../lib/operations/layouts/row.ts";
import { smallCluster } from "../support/project.ts";

// 2 × 2000 ms + 5 s: see the row of the cluster layout.
const lab = defineLab(
  smallCluster({
    layout: {
      kind: "cluster",
      masters: ["redis-18", "redis-28", "redis-38"],
      replicas: { "redis-48": "redis-18", "redis-58": "redis-18", "redis-68": "redis-28" },
      standby: [],
      nodeTimeoutMs: 2000,
    },
  }),
);

function row(host: string, rest: Partial<StatusRow> = {}): StatusRow {
  const base = { role: "master", state: "up", slots: "", slotCount: 0, master: "", version: "4.0.14", note: "" } as const;
  return { ...base, host, instance: `${host}:6379`, address: `192.168.1.${host.slice(6)}:6379`, ...rest };
}
const replica = (host: string, link: Partial<StatusRow["link"] & object>, master = "redis-18"): StatusRow =>
  row(host, { role: "replica", master: `${master}:6379`, link: { state: "up", lagBytes: undefined, seconds: 0, syncing: false, ...link } });

test("within how many seconds a dead master is to be succeeded, counted from the end of its links", () => {
  const rows = [
    row("redis-18", { state: "down" }),
    replica("redis-48", { state: "down", seconds: 3 }),
    replica("redis-58", { state: "down", seconds: 2 }),
  ];
  expect(failoversDue(rows, lab)).toEqual([
    {
      code: "failover-due",
      severity: "note",
      instance: "redis-18:6379",
      text: "redis-48:6379, redis-58:6379 replicate redis-18:6379: a failover is to be expected within 6 s.",
      next: "`redis-lab status LAB --watch` shows it.",
    },
  ]);
});

test("one that did not come is said, with where to look", () => {
  const [found] = failoversDue([row("redis-18", { state: "down" }), replica("redis-48", { state: "down", seconds: 27 })], lab);
  expect(found?.text).toBe("redis-48:6379 replicates redis-18:6379: a failover was to be expected within 9 s, and 27 s have passed.");
  expect(found?.next).toBe("`redis-lab logs LAB redis-48:6379` says what keeps it.");
});

test("none is announced while a replica is in touch with the master, nor without a replica, nor of a master that answers", () => {
  const silent = row("redis-18", { state: "silent" });
  expect(failoversDue([silent, replica("redis-48", { state: "up", seconds: 4 })], lab)).toEqual([]);
  // It has a link and has heard nothing for longer than a master keeps silent.
  expect(failoversDue([silent, replica("redis-48", { state: "up", seconds: 14 })], lab)).toHaveLength(1);
  expect(failoversDue([silent, replica("redis-68", { state: "down", seconds: 4 }, "redis-28")], lab)).toEqual([]);
  expect(failoversDue([row("redis-18"), replica("redis-48", { state: "down", seconds: 4 })], lab)).toEqual([]);
  expect(failoversDue([silent, replica("redis-48", { state: "down" }), replica("redis-58", { state: "up", seconds: 1 })], lab)).toEqual([]);
});

test("none is announced where no failover comes by itself", () => {
  const alone = defineLab({
    ...smallCluster(),
    hosts: numberedHosts("192.168.1", [18, 28]),
    layout: { kind: "replication", master: "redis-18", replicas: ["redis-28"] },
  });
  expect(failoversDue([row("redis-18", { state: "down" }), replica("redis-28", { state: "down", seconds: 3 })], alone)).toEqual([]);
});

test("since when a lab is down: after a down, after an end that was not asked for, and of one that never was up", () => {
  const since = "2026-11-30T21:13:04.000Z";
  const shown = new Date(since).toLocaleString("sv-SE");
  expect(downSince({ live: false, since, lastUp: "2026-11-30T20:00:00.000Z" })).toBe(`It was brought down at ${shown}.`);
  expect(downSince({ live: true, since, lastUp: since })).toBe(`It was brought up at ${shown}, and not brought down since.`);
  expect(downSince({ live: true, lastUp: since })).toContain(`It was brought up at ${shown}`);
  expect(downSince({ live: false, lastUp: "" })).toBeUndefined();
});
