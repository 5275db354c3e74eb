import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { TARGETS } from "../../../lib/lab/targets.ts";
import { checksTable, DOCTOR_CHECKS, runChecks } from "../../../lib/operations/doctor/checks.ts";
import { formatDoctorReport } from "../../../lib/report/doctor.ts";
import { examination } from "./examination.ts";

const FOLDER = new URL("../../../lib/operations/doctor/", import.meta.url);

test("no two checks have one name, and each says in a line what it compares", () => {
  expect(new Set(DOCTOR_CHECKS.map(({ name }) => name)).size).toBe(DOCTOR_CHECKS.length);
  for (const { name, about } of DOCTOR_CHECKS) {
    expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(about, name).toMatch(/^[^\n|]{10,140}[^\n|.]$/);
  }
});

test("a check that was written is in the table", async () => {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith("-checks.ts"));
  const written = await Promise.all(
    files.map(async (file) => Object.values((await import(new URL(file, FOLDER).href)) as Record<string, unknown>)),
  );
  const checks = written.flat().filter((value) => typeof value === "object" && value !== null && "appliesTo" in value);
  expect(new Set(checks)).toEqual(new Set(DOCTOR_CHECKS));
});

test.each([
  ["local", "hypervisor, vm, hardware, cloud-init, deployed, orphans, hugepages-at-boot, selinux, firewall"],
  ["ssh", "hypervisor, vm, hardware, cloud-init, deployed, orphans, other-users"],
  ["libvirt", "other-users"],
] as const)("on %s the rest of the checks is made, each once", (target, absent) => {
  const { checks, notLookedAt, notApplicable } = runChecks(examination({}), TARGETS[target]);
  expect(notApplicable.join(", ")).toBe(absent);
  const names = DOCTOR_CHECKS.map(({ name }) => name);
  expect([...checks, ...notLookedAt].sort()).toEqual(names.filter((name) => !notApplicable.includes(name)).sort());
});

test("where no host and no instance answered, what could not be looked at is not fine", () => {
  const { checks, notLookedAt } = runChecks(examination({}), TARGETS.ssh);
  expect(checks).toEqual(["reachable", "placement", "faults", "layout"]);
  expect(notLookedAt).toEqual(expect.arrayContaining(["open-files", "files", "settings", "ports", "clock"]));
  const text = formatDoctorReport({ lab: "pure", target: "ssh", healthy: true, checks, notLookedAt, notApplicable: [], findings: [] });
  expect(text).not.toContain("✓ settings");
  expect(text).toMatch(/^not looked at, as nothing answered: .*settings/m);
});

test("README lists the checks (write it with: npm run reference)", async () => {
  expect(await readFile(new URL("../../../README.md", import.meta.url), "utf8")).toContain(checksTable());
});
