import { expect, test } from "vitest";
import type { HostFacts } from "../../../lib/bootstrap/facts.ts";
import { placeLab } from "../../../lib/lab/placement.ts";
import type { HostReading } from "../../../lib/operations/doctor/check.ts";
import { BARE, LAB } from "../../bootstrap/managed.ts";
import { findingsIn } from "./examination.ts";

const RC_LOCAL = "/etc/rc.local";
const managed = placeLab(LAB, { target: "ssh", hostsFolder: "/unused" });
const GOOD: HostFacts = {
  ...BARE,
  thp: { mode: "never", writable: true },
  thpUnit: { enabled: true, needsReload: false },
  sysctl: new Map([["vm.overcommit_memory", { value: "1", writable: true }]]),
};
const rcLocal = (mode: number): HostFacts["paths"] =>
  new Map([[RC_LOCAL, { kind: "file", mode, owner: "root", group: "root", bytes: 1, modified: 0 }]]);

function findings(changes: Partial<HostFacts>, placement = managed, more: Partial<HostReading> = {}) {
  const [host] = placement.hosts;
  if (host === undefined) throw new Error("a lab has hosts");
  const facts = { ...GOOD, ...changes };
  const plan = { changes: [], reconfigure: [] };
  const hosts = [{ placement, host, facts, rcLocal: RC_LOCAL, plan, asked: 0, answered: 0, ...more }];
  return findingsIn({ hosts }, placement.capabilities);
}
const found = (changes: Partial<HostFacts>, placement = managed) =>
  findings(changes, placement).map(({ check, severity }) => `${check} ${severity}`);

test("a host as it should be has no finding", () => {
  expect(found({})).toEqual([]);
});

test.each([
  ["transparent huge pages", { thp: { mode: "always", writable: false } }, "transparent-hugepages warning"],
  [
    "memory that is not overcommitted",
    { sysctl: new Map([["vm.overcommit_memory", { value: "0", writable: false }]]) },
    "overcommit warning",
  ],
  ["swap", { swapMiB: 2048 }, "swap note"],
  ["no unit for the next boot", { thpUnit: undefined }, "hugepages-at-boot warning"],
  ["a unit that is not run at boot", { thpUnit: { enabled: false, needsReload: false } }, "hugepages-at-boot warning"],
  ["a firewall without the bus port", { firewalld: { running: true, ports: ["6379/tcp"] } }, "firewall problem"],
  ["a wrong SELinux label", { selinux: "enforcing", label: "unconfined_u:object_r:default_t:s0" }, "selinux warning"],
] satisfies [string, Partial<HostFacts>, string][])("%s is found", (_, changes, finding) => {
  expect(found(changes)).toEqual([finding]);
});

test.each([
  ["firewall", { firewalld: { running: true, ports: ["6379/tcp", "16379/tcp"] } }],
  ["SELinux label", { selinux: "enforcing", label: "system_u:object_r:bin_t:s0" }],
] satisfies [string, Partial<HostFacts>][])("a right %s is not a finding", (_, changes) => {
  expect(found(changes)).toEqual([]);
});

test("where the lab wants rc.local for the next boot, that is looked at and no unit", () => {
  const byRcLocal = placeLab({ ...LAB, os: { ...LAB.os, transparentHugepagesBy: "rc.local" } }, { target: "ssh", hostsFolder: "/unused" });
  expect(found({ paths: rcLocal(0o755), thpUnit: undefined }, byRcLocal)).toEqual([]);
  expect(found({ paths: rcLocal(0o644) }, byRcLocal)).toEqual(["hugepages-at-boot warning"]);
  expect(found({ paths: new Map() }, byRcLocal)).toEqual(["hugepages-at-boot warning"]);
});

test("on a host that is not managed the same are notes, and nothing is asked of rc.local", () => {
  const local = placeLab(LAB, { target: "local", hostsFolder: "/hosts" });
  expect(found({ thp: { mode: "always", writable: false }, paths: new Map() }, local)).toEqual(["transparent-hugepages note"]);
});

test("a clock is wrong only by more than the reading can be", () => {
  const texts = (clockMs: number) => findings({ clockMs }, managed, { asked: 10_000, answered: 14_000 }).map(({ text }) => text);
  expect([10_000, 14_000, 15_000, 9_000].flatMap(texts)).toEqual([]);
  expect(texts(17_500)).toEqual([expect.stringContaining("3.5 s ahead of")]);
  expect(texts(8_000)).toEqual([expect.stringContaining("2.0 s behind")]);
});

test("what plan would change is a finding of the host, a running configuration one of its instance", () => {
  const plan = {
    changes: [{ step: "sysctl", subject: "vm.swappiness", reason: "different", summary: "set vm.swappiness" }],
    reconfigure: [{ instance: "redis-18:6379", live: ["maxmemory"], restart: ["databases"], diff: "" }],
  } as const;
  expect(findings({ problems: ["a stamp can't be read"] }, managed, { plan })).toEqual([
    { check: "files", severity: "warning", subject: "redis-18", text: "a stamp can't be read" },
    { check: "files", severity: "warning", subject: "redis-18", text: "sysctl: set vm.swappiness", next: "Run: redis-lab plan pure" },
    {
      check: "files",
      severity: "warning",
      subject: "redis-18:6379",
      text: "its configuration differs in maxmemory, databases",
      next: "Run: redis-lab plan pure",
    },
  ]);
});
