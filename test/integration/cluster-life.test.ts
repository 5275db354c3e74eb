import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import { CALM_MS, changedOf, fingerprints, makeProject, newsOf, serversIn, smallCluster, type TestProject } from "../support/project.ts";

// The life of a cluster lab on this computer, as its user types it: up, up again, status, down, up, rebuild, purge.

const lab = smallCluster({
  hosts: numberedHosts("192.168.1", [18, 28, 38, 48, 58, 68, 78], { 78: { instances: [6379, 6380] } }),
  layout: {
    kind: "cluster",
    masters: ["redis-18", "redis-28", "redis-38"],
    replicas: { "redis-58": "redis-18", "redis-68": "redis-28", "redis-48": "redis-38" },
    standby: ["redis-78:6379", "redis-78:6380"],
    nodeTimeoutMs: CALM_MS,
  },
});
let project: TestProject;

beforeAll(async () => {
  project = await makeProject();
  await project.write(lab);
});
afterAll(() => project.remove());

test("up from nothing forms the declared cluster, proves it and shows it", async () => {
  const { stdout, stderr } = await project.ok(["up", "cluster"]);
  expect(stdout).toMatch(/^proved {2}SET and GET in each of 3 shards, following \d+ MOVED: /m);
  const rows = stdout.split("\n").filter((line) => line.startsWith("redis-"));
  expect(rows.map((line) => line.split(/ {2,}/).filter((_, index) => index !== 1 && index !== 5))).toEqual([
    ["redis-18", "master", "0-5460 (5461)", "-"],
    ["redis-28", "master", "5461-10922 (5462)", "-"],
    ["redis-38", "master", "10923-16383 (5461)", "-"],
    ["redis-48", "replica", "-", "redis-38:6379"],
    ["redis-58", "replica", "-", "redis-18:6379"],
    ["redis-68", "replica", "-", "redis-28:6379"],
    ["redis-78", "standby", "-", "-"],
    ["redis-78", "standby", "-", "-"],
  ]);
  expect(stdout).toContain("cluster on local: healthy");
  expect(stdout).toContain("npx redis-lab status cluster --watch");
  expect(stderr).not.toMatch(/compiling/);
  // Plain lines where nobody looks at a terminal: no colour, no cursor movement.
  expect(stdout + stderr).not.toContain("\u001b");
  expect(await serversIn(project.folder)).toHaveLength(8);
});

test("a second up changes, writes and restarts nothing and says so", async () => {
  // Redis writes nodes.conf whenever it likes; what each node knows of all (id, master, epoch, slots) is compared instead.
  const ignore = /\.(rdb|aof|log)$|\/state\.json$|\/nodes-\d+\.conf$/;
  const known = async (instance: string) =>
    String(await project.call(lab, instance, "CLUSTER", "NODES"))
      .trim()
      .split("\n")
      .map((line) => line.split(" ").filter((_, index) => [0, 3, 6].includes(index) || index >= 8))
      .sort();
  const looked = async () => ({
    files: await fingerprints(project.folder, ignore),
    servers: await serversIn(project.folder),
    nodes: await Promise.all(
      ["redis-18", "redis-28", "redis-38", "redis-48", "redis-58", "redis-68", "redis-78", "redis-78:6380"].map(known),
    ),
  });
  const before = await looked();
  const result = await project.ok(["up", "cluster"]);
  expect(changedOf(result)).toBe(0);
  expect(newsOf(result)).toEqual([]);
  expect(await looked()).toEqual(before);
  const plan = await project.ok(["plan", "cluster", "--exit-code"]);
  expect(plan.stdout).toBe("cluster on local: nothing to change\n");
});

test("status --json has the shape that scripts rely on", async () => {
  const status = JSON.parse((await project.ok(["status", "cluster", "--json"])).stdout);
  expect(Object.keys(status)).toEqual(["format", "lab", "target", "layout", "declaredVersion", "healthy", "rows", "findings"]);
  expect(status).toMatchObject({ lab: "cluster", target: "local", layout: "cluster", healthy: true, findings: [] });
  expect(status.rows).toHaveLength(8);
  expect(status.rows[0]).toMatchObject({
    host: "redis-18",
    instance: "redis-18:6379",
    role: "master",
    state: "up",
    slots: "0-5460",
    slotCount: 5461,
  });
});

test("down keeps data and identity, and up continues with them", async () => {
  // Slot 866 of `key:1`… is of no matter: the client is told where each key lives by the table above.
  await project.call(lab, "redis-38", "SET", "foo", "kept");
  const nodeId = await project.call(lab, "redis-18", "CLUSTER", "MYID");
  const down = await project.ok(["down", "cluster"]);
  expect(down.stdout).toBe("cluster on local: 8 stopped\n");
  expect(await serversIn(project.folder)).toEqual([]);
  const status = await project.run(["status", "cluster"]);
  expect(status.code).toBe(1);
  expect(status.stdout).toContain("not healthy");
  expect((await project.ok(["down", "cluster"])).stdout).toBe("cluster on local: 0 stopped\n");
  const up = await project.ok(["up", "cluster"]);
  expect(changedOf(up)).toBe(8);
  expect(await project.call(lab, "redis-38", "GET", "foo")).toBe("kept");
  expect(await project.call(lab, "redis-18", "CLUSTER", "MYID")).toBe(nodeId);
});

test("rebuild wipes the data and keeps the compiled Redis", async () => {
  const builds = join(project.folder, ".redis-lab/cluster/local/hosts/redis-18/apps/redis/builds");
  const kept = await fingerprints(builds);
  expect(Object.keys(kept).length).toBeGreaterThan(1);
  const rebuilt = await project.ok(["rebuild", "cluster"]);
  expect(rebuilt.stdout).toContain("healthy");
  expect(rebuilt.stderr).not.toContain("compiling");
  expect(newsOf(rebuilt).join("\n")).not.toContain("install");
  expect(await fingerprints(builds)).toEqual(kept);
  expect(await project.call(lab, "redis-38", "GET", "foo")).toBeNull();
});

test("down --purge removes everything but the secrets", async () => {
  await project.ok(["down", "cluster", "--purge"]);
  expect(await serversIn(project.folder)).toEqual([]);
  expect(await readdir(join(project.folder, ".redis-lab/cluster"))).toEqual(expect.arrayContaining(["secrets.json"]));
  const target = join(project.folder, ".redis-lab/cluster/local");
  expect(existsSync(target) ? await readdir(target) : []).toEqual([]);
  await rm(join(project.folder, ".redis-lab"), { recursive: true });
});
