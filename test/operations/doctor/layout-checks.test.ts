import { expect, test } from "vitest";
import { placeLab } from "../../../lib/lab/placement.ts";
import { checkPlacement, checkPorts } from "../../../lib/operations/doctor/layout-checks.ts";
import type { Status, StatusRow } from "../../../lib/operations/status.ts";
import { LAB } from "../../bootstrap/managed.ts";

const placement = placeLab(LAB, { target: "ssh", hostsFolder: "/unused" });

function row(instance: string, role: StatusRow["role"], more: Partial<StatusRow> = {}): StatusRow {
  return {
    host: instance.split(":")[0] ?? "",
    instance,
    address: instance,
    role,
    state: "up",
    slots: "",
    slotCount: role === "master" ? 5461 : 0,
    master: "",
    version: "4.0.14",
    note: "",
    ...more,
  };
}

function found(...rows: readonly StatusRow[]): readonly string[] {
  const status: Status = { lab: "pure", target: "ssh", layout: "cluster", declaredVersion: "4.0.14", healthy: true, rows, findings: [] };
  return checkPlacement(placement, status).map(({ subject, text }) => `${subject}: ${text}`);
}

test("masters apart with their replicas elsewhere are no finding", () => {
  expect(
    found(
      row("redis-18:6379", "master"),
      row("redis-28:6379", "master"),
      row("redis-38:6379", "master"),
      row("redis-28:6380", "replica", { master: "redis-18:6379" }),
    ),
  ).toEqual([]);
});

test("a replica on its master's host is found", () => {
  expect(found(row("redis-18:6379", "master"), row("redis-18:6380", "replica", { master: "redis-18:6379" }))).toEqual([
    "redis-18:6380: is on the host of its master redis-18:6379: both would be lost together",
  ]);
});

test("a host that holds the majority is found, as a failover may have made it", () => {
  const [finding] = found(row("redis-18:6379", "master"), row("redis-18:6380", "master"), row("redis-38:6379", "master"));
  expect(finding).toBe(
    "redis-18: holds 2 masters (redis-18:6379, redis-18:6380): without this host no majority is left, and the cluster stops",
  );
});

test("a closed bus port is told once, with everyone who can't reach it", () => {
  const instance = placement.hosts[1]?.instances[0];
  if (instance === undefined) throw new Error("a lab has instances");
  const readings = [
    { from: "redis-18", instance, port: 16_379, result: "timeout" as const },
    { from: "redis-38", instance, port: 16_379, result: "refused" as const },
    { from: "redis-18", instance, port: 6_379, result: "open" as const },
  ];
  expect(checkPorts(readings).map(({ text }) => text)).toEqual([
    "192.168.1.28:16379 (the cluster bus) can't be reached from redis-18 (timeout), redis-38 (refused)",
  ]);
});
