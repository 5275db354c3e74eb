import { afterAll, beforeAll, expect, test } from "vitest";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import { nextNetwork } from "../support/addresses.ts";
import {
  CALM_MS,
  changedOf,
  fingerprints,
  makeProject,
  newsOf,
  serversIn,
  smallCluster,
  smallSentinel,
  type TestProject,
  testRedis,
} from "../support/project.ts";

// Sentinel labs on this computer, beside a cluster lab of the same project.

const sentinel = smallSentinel();
const cluster = smallCluster({
  hosts: numberedHosts("192.168.1", [18, 28, 38]),
  layout: { kind: "cluster", masters: ["redis-18", "redis-28", "redis-38"], nodeTimeoutMs: CALM_MS },
});
/** Two masters, watched by sentinels on hosts that run nothing else. */
const apart = smallSentinel({
  name: "apart",
  network: { cidr: "192.168.1.0/24", loopback: nextNetwork() },
  hosts: numberedHosts("192.168.1", [11, 12, 21, 22, 91, 92, 93], { 91: { instances: [] }, 92: { instances: [] }, 93: { instances: [] } }),
  redis: testRedis(),
  layout: {
    kind: "sentinel",
    masters: [
      { name: "orders", master: "redis-11", replicas: ["redis-12"], quorum: 2 },
      { name: "users", master: "redis-21", replicas: ["redis-22"], quorum: 2 },
    ],
    sentinels: ["redis-91", "redis-92", "redis-93:26380"],
  },
});
let project: TestProject;

beforeAll(async () => {
  project = await makeProject();
  await project.write(cluster, sentinel, apart);
});
afterAll(() => project.remove());

test("three labs come up at the same time, each on its own network", async () => {
  const runs = await Promise.all(["cluster", "sentinel", "apart"].map((name) => project.ok(["up", name])));
  expect(runs.map(({ stdout }) => /^(\S+) on local: healthy$/m.exec(stdout)?.[1])).toEqual(["cluster", "sentinel", "apart"]);
  expect(runs[1]?.stdout).toMatch(
    /^proved {2}a key written to redis-18:6379, which redis-\d8:26379 names as mymaster, and read at redis-28:6379 and redis-38:6379$/m,
  );
  expect(await serversIn(project.folder)).toHaveLength(3 + 6 + 7);
});

test("each sentinel sees all replicas and all sentinels, and has its quorum", async () => {
  for (const at of ["redis-18:26379", "redis-28:26379", "redis-38:26379"]) {
    expect(await project.call(sentinel, at, "SENTINEL", "CKQUORUM", "mymaster")).toMatch(/^OK 3 usable Sentinels/);
  }
  for (const at of ["redis-91:26379", "redis-92:26379", "redis-93:26380"]) {
    expect(await project.call(apart, at, "SENTINEL", "CKQUORUM", "orders")).toMatch(/^OK 3 usable/);
    expect(await project.call(apart, at, "SENTINEL", "CKQUORUM", "users")).toMatch(/^OK 3 usable/);
  }
  const status = JSON.parse((await project.ok(["status", "apart", "--json"])).stdout);
  const watching = status.rows
    .filter(({ role }: { role: string }) => role === "sentinel")
    .map(({ master }: { master: string }) => master.split(", ").sort().join(", "));
  expect(watching).toEqual(Array(3).fill("orders: redis-11:6379, users: redis-21:6379"));
});

test("a second up of each changes, writes and restarts nothing", async () => {
  // Sentinels write their files by themselves for a while after they met, and the nodes of a cluster whenever they like: what counts is what `up` does.
  const ignore = /\.(rdb|aof|log)$|\/state\.json$|\/sentinel\.conf$|\/nodes-\d+\.conf$/;
  const before = { files: await fingerprints(project.folder, ignore), servers: await serversIn(project.folder) };
  for (const name of ["cluster", "sentinel", "apart"]) {
    const result = await project.ok(["up", name]);
    expect(newsOf(result), name).toEqual([]);
    expect(changedOf(result), name).toBe(0);
  }
  expect({ files: await fingerprints(project.folder, ignore), servers: await serversIn(project.folder) }).toEqual(before);
});

test("a failover that happened is not undone by the next up", async () => {
  const old = JSON.stringify(await project.call(sentinel, "redis-28:26379", "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"));
  // A sentinel whose replicas have kept silent for five seconds takes none of them (NOGOODSLAVE), and one that got no processor for two seconds does nothing for thirty (TILT).
  await expect
    .poll(() => project.call(sentinel, "redis-28:26379", "SENTINEL", "FAILOVER", "mymaster").catch(String), {
      timeout: 60_000,
      interval: 500,
    })
    .toMatch(/^OK$|INPROG/);
  await expect
    .poll(async () => (await project.run(["status", "sentinel"])).stdout, { timeout: 120_000, interval: 500 })
    .toMatch(/^(?=[\s\S]*healthy)(?![\s\S]*not healthy)(?![\s\S]*mymaster: redis-18)/);
  const moved = JSON.stringify(await project.call(sentinel, "redis-28:26379", "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"));
  expect(moved).not.toBe(old);
  const result = await project.ok(["up", "sentinel"]);
  expect(changedOf(result)).toBe(0);
  expect(JSON.stringify(await project.call(sentinel, "redis-28:26379", "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"))).toBe(moved);
});

/** Where the failover below left the role. */
let handedTo = "";

test("failover hands a master over by the sentinels; which master has to be clear, and a cluster has a verb of its own", async () => {
  const { from, to } = JSON.parse((await project.ok(["failover", "sentinel", "--json"])).stdout);
  handedTo = to;
  expect(JSON.stringify(await project.call(sentinel, "redis-28:26379", "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"))).toContain(
    `.${/redis-(\d+)/.exec(to)?.[1]}"`,
  );
  const replica = await project.run(["failover", "sentinel", from]);
  expect(replica.code).toBe(64);
  expect(replica.stderr).toContain(`${from} is a replica of mymaster, and the sentinels choose which one takes over.`);
  expect(replica.stderr).toContain(`redis-lab failover sentinel ${to}`);
  expect((await project.run(["failover", "apart"])).stderr).toContain('"apart" has several masters: redis-11:6379, redis-21:6379.');
  expect((await project.ok(["failover", "apart", "redis-21"])).stdout).toBe(
    "redis-22:6379 is the master of apart on local in place of redis-21:6379\n",
  );
  expect((await project.run(["failover", "cluster"])).stderr).toContain("redis-lab cluster failover cluster HOST:PORT");
});

test("down stops one lab and leaves the others alone; up finds the new master again", async () => {
  expect(handedTo).toMatch(/^redis-\d+:6379$/);
  await project.ok(["down", "sentinel"]);
  expect(await serversIn(project.folder)).toHaveLength(3 + 7);
  const result = await project.ok(["up", "sentinel"]);
  expect(result.stdout).toContain(`mymaster: ${handedTo}`);
  await project.ok(["down", "sentinel", "--purge"]);
  await project.ok(["down", "apart", "--purge"]);
  expect(await serversIn(project.folder)).toHaveLength(3);
});
