import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { CALM_MS, changedOf, makeProject, serversIn, smallCluster, type TestProject, testRedis } from "../support/project.ts";
import { startWriter } from "../support/writer.ts";

// A running cluster is changed by editing its lab and running `up` again.

const HOSTS = [18, 28, 38, 48, 58, 68];
const ROLES = {
  masters: ["redis-18", "redis-28", "redis-38"],
  replicas: { "redis-58": "redis-18", "redis-68": "redis-28", "redis-48": "redis-38" },
};
const base = smallCluster();
const network = base.network.loopback.replace(/\.0\/24$/, "");
let project: TestProject;
let settings: Record<string, string | number | boolean> = {};

function lab(changes: Partial<LabInput> = {}): LabInput {
  return { ...base, redis: testRedis(settings), ...changes };
}

const pids = async () => (await serversIn(project.folder)).map(({ pid }) => pid);
const setting = async (instance: string, name: string) => ((await project.call(base, instance, "CONFIG", "GET", name)) as string[])[1];
const confOf = (host: string) => join(project.folder, ".redis-lab/cluster/local/hosts", host, "apps/redis/etc/redis.conf");
const writer = () =>
  startWriter({
    endpoints: HOSTS.map((number) => `${network}.${number}:6379`),
    passwords: async () => [await project.password("cluster")],
  });

beforeAll(async () => {
  project = await makeProject();
  await project.write(lab());
  await project.ok(["up", "cluster"]);
});
afterAll(() => project.remove());

test("a setting that Redis can change while it runs is set and written, and nothing restarts", async () => {
  const before = await pids();
  settings = { "slowlog-max-len": 256 };
  await project.write(lab());
  const plan = await project.run(["plan", "cluster", "--exit-code"]);
  expect(plan.code).toBe(2);
  expect(plan.stdout).toContain("redis-18:6379: slowlog-max-len at once");
  expect(plan.stdout).toContain("+slowlog-max-len 256");
  expect(await setting("redis-18", "slowlog-max-len")).toBe("128");
  const up = await project.ok(["up", "cluster"]);
  expect(up.stderr).toContain("redis-18 files changed: redis-18:6379: slowlog-max-len set at run time");
  expect(await pids()).toEqual(before);
  for (const number of HOSTS) expect(await setting(`redis-${number}`, "slowlog-max-len")).toBe("256");
  expect(await readFile(confOf("redis-48"), "utf8")).toMatch(/^slowlog-max-len 256$/m);
  expect(changedOf(await project.ok(["up", "cluster"]))).toBe(0);
});

test("what is written by hand into an owned line goes back, other lines and CONFIG REWRITE stay", async () => {
  await project.call(base, "redis-28", "CONFIG", "SET", "slowlog-log-slower-than", "12345");
  await project.call(base, "redis-28", "CONFIG", "REWRITE");
  expect(changedOf(await project.ok(["up", "cluster"])), "after CONFIG REWRITE").toBe(0);
  const file = confOf("redis-18");
  const text = await readFile(file, "utf8");
  await writeFile(file, `${text.replace(/^slowlog-max-len .*$/m, "slowlog-max-len 7")}\n# mine\nhz 11\n`);
  const up = await project.ok(["up", "cluster"]);
  expect(changedOf(up)).toBe(1);
  const fixed = await readFile(file, "utf8");
  expect(fixed).toMatch(/^slowlog-max-len 256$/m);
  expect(fixed).toMatch(/^hz 11$/m);
  expect(fixed).toMatch(/^# mine$/m);
  expect(await readFile(confOf("redis-28"), "utf8")).toMatch(/^slowlog-log-slower-than 12345$/m);
  expect(changedOf(await project.ok(["up", "cluster"]))).toBe(0);
});

test("a new host joins the cluster and gets its share of the slots, from everybody as much", async () => {
  const before = await pids();
  await project.write(
    lab({
      hosts: numberedHosts("192.168.1", [...HOSTS, 78]),
      layout: { kind: "cluster", nodeTimeoutMs: CALM_MS, masters: [...ROLES.masters, "redis-78"], replicas: ROLES.replicas },
    }),
  );
  const { stdout } = await project.ok(["up", "cluster"]);
  for (const host of [...ROLES.masters, "redis-78"])
    expect(stdout).toMatch(new RegExp(`^${host} +\\S+ +master +[\\d,-]+ \\(4096\\) `, "m"));
  expect(await pids()).toEqual(expect.arrayContaining(before));
  expect(changedOf(await project.ok(["up", "cluster"]))).toBe(0);
});

test("a setting that needs a restart, and one that leaves the lab, roll through the cluster, and no acknowledged write is lost", async () => {
  const wanted = lab({
    hosts: numberedHosts("192.168.1", [...HOSTS, 78]),
    layout: { kind: "cluster", nodeTimeoutMs: CALM_MS, masters: [...ROLES.masters, "redis-78"], replicas: ROLES.replicas },
  });
  const before = await pids();
  const id = await project.call(base, "redis-18", "CLUSTER", "MYID");
  const writing = writer();
  settings = { databases: 4 };
  await project.write({ ...wanted, redis: testRedis(settings) });
  const up = await project.ok(["up", "cluster"]);
  const { acknowledged, lost } = await writing.stop();
  expect(lost).toEqual([]);
  expect(acknowledged).toBeGreaterThan(100);
  // One after the other, each once.
  const restarts = up.stderr.split("\n").filter((line) => /restart changed/.test(line));
  expect(restarts).toHaveLength(7);
  expect(await pids()).not.toEqual(expect.arrayContaining([before[0]]));
  for (const number of HOSTS) {
    expect(await setting(`redis-${number}`, "databases")).toBe("4");
    // What Redis's own default is, Redis alone knows.
    expect(await setting(`redis-${number}`, "slowlog-max-len")).toBe("128");
  }
  expect(await readFile(confOf("redis-18"), "utf8")).not.toContain("slowlog-max-len");
  expect(await project.call(base, "redis-18", "CLUSTER", "MYID")).toBe(id);
  // The masters have handed their roles over; that is not a drift.
  expect(changedOf(await project.ok(["up", "cluster"]))).toBe(0);
});
