import { afterAll, beforeAll, expect, test } from "vitest";
import type { DoctorReport } from "../../lib/operations/doctor/doctor.ts";
import { makeProject, smallSentinel, type TestProject } from "../support/project.ts";

// What doctor finds on running instances, one fault after the other, made by hand as an operator would make it.

const sentinel = smallSentinel();
let project: TestProject;

beforeAll(async () => {
  project = await makeProject();
  await project.write(sentinel);
  await project.ok(["up", "sentinel"]);
});
afterAll(() => project.remove());

async function problems(): Promise<readonly string[]> {
  const { stdout } = await project.run(["doctor", "sentinel", "--json"]);
  const { findings }: DoctorReport = JSON.parse(stdout);
  return findings.filter(({ severity }) => severity === "problem").map(({ check, subject }) => `${check} ${subject}`);
}

test("a lab that was just brought up has no problem", async () => {
  expect(await problems()).toEqual([]);
});

test("a setting changed by hand is found, and gone after it was put back", async () => {
  await project.call(sentinel, "redis-28:6379", "CONFIG", "SET", "maxmemory", "1");
  expect(await problems()).toEqual(["settings redis-28:6379"]);
  await project.call(sentinel, "redis-28:6379", "CONFIG", "SET", "maxmemory", "1024000000");
  expect(await problems()).toEqual([]);
});

test("a masterauth of its own is found without being shown", async () => {
  await project.call(sentinel, "redis-38:6379", "CONFIG", "SET", "masterauth", "hand-Made-Password");
  const { stdout } = await project.run(["doctor", "sentinel"]);
  expect(stdout).toMatch(/✗ password\n +✗ redis-38:6379: masterauth is another password/);
  expect(stdout).not.toContain("hand-Made-Password");
  await project.call(sentinel, "redis-38:6379", "CONFIG", "SET", "masterauth", await project.password("sentinel"));
});

test("a sentinel setting changed by hand is found", async () => {
  await project.call(sentinel, "redis-18:26379", "SENTINEL", "SET", "mymaster", "down-after-milliseconds", "60000");
  expect(await problems()).toContain("layout redis-18:26379");
  expect((await project.ok(["up", "sentinel"])).stdout).not.toMatch(/^0 changed$/m);
  expect(await problems()).toEqual([]);
});

test("an instance that is down is a problem, and the exit code says so", async () => {
  await project.call(sentinel, "redis-28:6379", "SHUTDOWN").catch(() => undefined);
  const { code, stdout } = await project.run(["doctor", "sentinel"]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/✗ reachable\n +✗ redis-28:6379/);
});
