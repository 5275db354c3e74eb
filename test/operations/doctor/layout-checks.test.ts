import { expect, test } from "vitest";
import { LabError } from "../../../lib/base/error.ts";
import { defineLab } from "../../../lib/lab/define-lab.ts";
import { placeLab } from "../../../lib/lab/placement.ts";
import type { Lab } from "../../../lib/lab/schema.ts";
import type { StatusRow } from "../../../lib/operations/status.ts";
import { LAB } from "../../bootstrap/managed.ts";
import { sentinelInput } from "../../support/labs.ts";
import { findingsIn, STATUS } from "./examination.ts";

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
  return findingsIn({ lab: { status: { ...STATUS, rows } } }).map(({ subject, text }) => `${subject}: ${text}`);
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
  expect(findingsIn({ lab: { ports: readings } }).map(({ text }) => text)).toEqual([
    "192.168.1.28:16379 (the cluster bus) can't be reached from redis-18 (timeout), redis-38 (refused)",
  ]);
});

test("a port on which nothing listens is no matter of firewalls where the instance is down, and of what it is bound to where it runs", () => {
  const instance = placement.hosts[1]?.instances[0];
  if (instance === undefined) throw new Error("a lab has instances");
  const readings = [{ from: "redis-18", instance, port: 6_379, result: "refused" as const }];
  const said = (state: StatusRow["state"]) =>
    findingsIn({ lab: { ports: readings, status: { ...STATUS, rows: [row(instance.id, "replica", { state })] } } });
  expect(said("down")).toEqual([]);
  expect(said("up").map(({ next }) => next)).toEqual([expect.stringMatching(/^Nothing listens at that address.*`bind`/)]);
});

test("a host that can't be reached says what its error says, an instance what brings it up", () => {
  const error = new LabError({
    code: "connection.refused",
    kind: "environment",
    what: "redis-18: connection refused.",
    next: "Check sshd.",
  });
  const unreachable = [
    { subject: "redis-18", error },
    { subject: "redis-28:6379", error: new Error("gone"), next: "Run: redis-lab up pure" },
  ];
  expect(findingsIn({ lab: { unreachable } })).toEqual([
    { check: "reachable", severity: "problem", subject: "redis-18", text: "redis-18: connection refused.", next: "Check sshd." },
    { check: "reachable", severity: "problem", subject: "redis-28:6379", text: "gone", next: "Run: redis-lab up pure" },
  ]);
});

test("what status finds is found of the layout, graver than a note or a note", () => {
  const findings = [
    { code: "a", severity: "refuses", instance: "redis-18:6379", text: "one", next: "do" },
    { code: "b", severity: "note", instance: undefined, text: "two", next: "do" },
  ] as const;
  expect(
    findingsIn({ lab: { status: { ...STATUS, findings } } }).map(({ check, severity, text }) => `${check} ${severity} ${text}`),
  ).toEqual(["layout problem one", "layout note two"]);
});

test("on this computer the accounts of other people are worth a note that says what they can do, by layout", () => {
  const said = (lab: Lab, people: readonly string[]) => {
    const local = placeLab(lab, { target: "local", hostsFolder: "/hosts" });
    return findingsIn({ lab: { placement: local, people } }, local.capabilities).map(
      ({ check, severity, text }) => `${check} ${severity} ${text}`,
    );
  };
  expect(said(LAB, [])).toEqual([]);
  expect(said(LAB, ["alice", "bob"])).toEqual([
    expect.stringMatching(
      /^other-users note other people have accounts on this computer \(alice, bob\), so each of them can take the cluster over/,
    ),
  ]);
  expect(said(defineLab(sentinelInput()), ["alice", "bob", "carol", "dave", "uid 70000"])).toEqual([
    expect.stringMatching(/\(alice, bob, carol and 2 more\), so each of them can give orders to the sentinels, which have no password/),
  ]);
  expect(findingsIn({ lab: { people: ["alice"] } })).toEqual([]);
});
