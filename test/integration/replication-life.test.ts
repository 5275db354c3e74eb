import { afterAll, beforeAll, expect, test } from "vitest";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import { changedOf, fingerprints, makeProject, serversIn, smallReplication, type TestProject, testRedis } from "../support/project.ts";
import { startWriter } from "../support/writer.ts";

// A lab of one master and its replicas, without sentinels, on this computer.

const lab = smallReplication();
let project: TestProject;

beforeAll(async () => {
  project = await makeProject();
  await project.write(lab);
});
afterAll(() => project.remove());

/** Ids of the instances by role, as `status` tells them. */
async function masterNow(): Promise<string> {
  const status = JSON.parse((await project.run(["status", "replication", "--json"])).stdout);
  return status.rows.find(({ role }: { role: string }) => role === "master").instance;
}

function address(id: string): string {
  return `${lab.network.loopback.replace(/0\/24$/, /redis-(\d+)/.exec(id)?.[1] ?? "")}:6379`;
}

test("comes up, and the proof is a write that all replicas have", async () => {
  const before = await project.ok(["plan", "replication"]);
  expect(before.stdout).toContain("make 3 servers a master and its replicas, or go on with the roles in their files");
  const { stdout } = await project.ok(["up", "replication"]);
  expect(stdout).toMatch(/^proved {2}a key written to redis-18:6379, and read at redis-28:6379 and redis-38:6379$/m);
  expect(stdout).toMatch(/^replication on local: healthy$/m);
  expect(await serversIn(project.folder)).toHaveLength(3);
  expect((await project.ok(["doctor", "replication"])).stdout).toContain("replication on local: 0 problems");
});

test("a second up writes and restarts nothing", async () => {
  const before = { files: await fingerprints(project.folder, /\.(rdb|aof|log)$|\/state\.json$/), servers: await serversIn(project.folder) };
  expect(changedOf(await project.ok(["up", "replication"]))).toBe(0);
  expect({
    files: await fingerprints(project.folder, /\.(rdb|aof|log)$|\/state\.json$/),
    servers: await serversIn(project.folder),
  }).toEqual(before);
  expect((await project.ok(["inventory", "replication", "--format", "uri"])).stdout).toBe(
    `redis://${address("redis-18")}\nredis://${address("redis-28")},${address("redis-38")}\n`,
  );
});

test("failover hands the role over under a writer, and the next up leaves it there", async () => {
  const servers = ["redis-18", "redis-28", "redis-38"];
  let at = 0;
  const writer = startWriter({
    endpoints: servers.map(address),
    passwords: async () => [await project.password("replication")],
    master: async () => {
      for (let tries = 0; tries < 3; tries += 1) {
        const index = (at + tries) % 3;
        if (!String(await project.call(lab, servers[index]!, "INFO", "replication").catch(() => "")).includes("role:master")) continue;
        at = index;
        break;
      }
      return address(servers[at]!);
    },
  });
  await expect.poll(async () => project.call(lab, "redis-38", "DBSIZE"), { timeout: 60_000, interval: 50 }).toBeGreaterThan(50);
  const first = await project.ok(["failover", "replication", "redis-28"]);
  expect(first.stdout).toBe("redis-28:6379 is the master of replication on local in place of redis-18:6379\n");
  expect((await project.ok(["failover", "replication", "redis-28"])).stdout).toContain("nothing was to be done");
  const second = JSON.parse((await project.ok(["failover", "replication", "--json"])).stdout);
  expect(second).toMatchObject({ lab: "replication", target: "local", from: "redis-28:6379" });
  const { acknowledged, lost } = await writer.stop();
  expect(acknowledged).toBeGreaterThan(50);
  expect(lost).toEqual([]);
  expect(await masterNow()).toBe(second.to);
  expect((await project.ok(["plan", "replication", "--exit-code"])).stdout).toContain("nothing to change");
  expect(changedOf(await project.ok(["up", "replication"]))).toBe(0);
  expect(await masterNow()).toBe(second.to);
});

test("a setting that needs a restart: one after the other, the master last and with its role handed over", async () => {
  const old = await masterNow();
  const keys = await project.call(lab, old, "DBSIZE");
  await project.write({ ...lab, redis: testRedis({ databases: 4 }) });
  expect((await project.ok(["up", "replication"])).stdout).toContain("healthy");
  expect(await masterNow()).not.toBe(old);
  for (const host of ["redis-18", "redis-28", "redis-38"]) {
    expect(await project.call(lab, host, "CONFIG", "GET", "databases")).toEqual(["databases", "4"]);
    // Of the key of the proof a replica may have yet to hear that it is gone.
    await expect.poll(() => project.call(lab, host, "DBSIZE"), { timeout: 60_000 }).toBe(keys);
  }
});

test("a new password reaches every server, and replication goes on", async () => {
  const old = await project.password("replication");
  expect((await project.ok(["up", "replication", "--rotate-password"])).stdout).toContain("healthy");
  expect(await project.password("replication")).not.toBe(old);
  expect(changedOf(await project.ok(["up", "replication"]))).toBe(0);
});

test("the host of the master leaves: its role goes to one that stays, with the data", async () => {
  const master = await masterNow();
  const [host] = master.split(":");
  const keys = await project.call(lab, master, "DBSIZE");
  const rest = [18, 28, 38].filter((number) => !master.startsWith(`redis-${number}:`));
  const small = {
    ...lab,
    hosts: numberedHosts("192.168.1", rest),
    redis: testRedis({ databases: 4 }),
    layout: { kind: "replication" as const, master: `redis-${rest[0]}`, replicas: [`redis-${rest[1]}`] },
  };
  await project.write(small);
  const status = await project.run(["status", "replication"]);
  expect(status.stdout).toContain("is the master, and its host is no longer declared");
  const result = await project.ok(["up", "replication"]);
  expect(result.stdout).toMatch(
    new RegExp(
      `^left {4}${host}: hand over the role of master of ${master} to redis-\\d8:6379; stop ${master}; remove \\d+ things of the lab from ${host}$`,
      "m",
    ),
  );
  expect(await serversIn(project.folder)).toHaveLength(2);
  expect(await project.call(lab, await masterNow(), "DBSIZE")).toBe(keys);
});

test("down and up again: the roles are as they were", async () => {
  const master = await masterNow();
  await project.ok(["down", "replication"]);
  expect(await serversIn(project.folder)).toEqual([]);
  expect((await project.ok(["up", "replication"])).stdout).toContain("healthy");
  expect(await masterNow()).toBe(master);
  await project.ok(["down", "replication", "--purge"]);
});
