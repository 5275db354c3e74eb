import { expect, test } from "vitest";
import type { Status, StatusRow } from "../../lib/operations/status.ts";
import { changedInstances, changesBetween, watchScreen } from "../../lib/report/watch.ts";

const row = (instance: string, changes: Partial<StatusRow> = {}): StatusRow => ({
  host: instance.split(":")[0] ?? "",
  instance,
  address: "127.0.1.18:6379",
  role: "replica",
  state: "up",
  slots: "",
  slotCount: 0,
  master: "",
  version: "4.0.14",
  note: "",
  ...changes,
});
const status = (healthy: boolean, ...rows: readonly StatusRow[]): Status => ({
  lab: "cluster",
  target: "local",
  layout: "cluster",
  declaredVersion: "4.0.14",
  healthy,
  rows,
  findings: [],
});
const down = { role: "unknown", state: "down", version: "" } as const;
const slots = { slots: "0-5460", slotCount: 5461 };

test("a failover is told by what changed from look to look", () => {
  const before = status(true, row("a:6379", { role: "master", ...slots }), row("b:6379", { master: "a:6379" }));
  const dead = status(false, row("a:6379", down), row("b:6379", { master: "a:6379" }));
  const taken = status(false, row("a:6379", down), row("b:6379", { role: "master", ...slots }));
  const back = status(true, row("a:6379", { master: "b:6379" }), row("b:6379", { role: "master", ...slots }));
  expect(changesBetween(before, before)).toEqual([]);
  expect(changesBetween(before, dead)).toEqual(["a:6379 is down (it was a master)", "cluster is not healthy"]);
  expect(changesBetween(dead, taken)).toEqual(["b:6379 is a master (it was a replica)", "b:6379 has 5461 slots (it had 0)"]);
  expect(changesBetween(taken, back)).toEqual(["a:6379 is up", "a:6379 is a replica", "a:6379 follows b:6379", "cluster is healthy"]);
  expect([...changedInstances(dead, taken)]).toEqual(["b:6379"]);
});

test("a screen holds the status, and of the events as many of the last as there is room for", () => {
  const parts = { title: "21:10:43", status: "one\ntwo", events: ["a", "b", "c"] };
  expect(watchScreen(parts, { rows: undefined })).toBe("21:10:43\n\none\ntwo\n\na\nb\nc");
  expect(watchScreen(parts, { rows: 8 }).split("\n").slice(-2)).toEqual(["b", "c"]);
  expect(watchScreen(parts, { rows: 3 })).toBe("21:10:43\n\none");
});
