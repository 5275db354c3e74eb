import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import type { Status } from "../../lib/operations/status.ts";
import { FULL } from "../support/full.ts";
import {
  CALM_MS,
  makeProject,
  serversIn,
  smallCluster,
  smallReplication,
  smallSentinel,
  type TestProject,
  testRedis,
} from "../support/project.ts";
import { snapshot } from "../support/save.ts";

// A master that crashed has its last snapshot on its disk, and its replicas have what came since. `up` at once must not let it lead with the old data.

/** Snapshots are made by these tests alone. */
const redis = testRedis({ save: "900 1000000" });
const cluster = smallCluster({
  redis,
  hosts: numberedHosts("192.168.1", [18, 28, 38, 58]),
  layout: {
    kind: "cluster",
    masters: ["redis-18", "redis-28", "redis-38"],
    replicas: { "redis-58": "redis-18" },
    nodeTimeoutMs: CALM_MS,
  },
});
const sentinel = smallSentinel({
  redis,
  layout: {
    kind: "sentinel",
    masters: [{ name: "mymaster", master: "redis-18", replicas: ["redis-28", "redis-38"], quorum: 2, downAfterMs: CALM_MS }],
    sentinels: ["redis-18", "redis-28", "redis-38"],
  },
});
const replication = smallReplication({ redis });

let project: TestProject;

beforeAll(async () => {
  project = await makeProject();
  await project.write(cluster, sentinel, replication);
});
afterAll(() => project.remove());

async function statusOf(lab: LabInput): Promise<Status> {
  return JSON.parse((await project.run(["status", lab.name, "--json"])).stdout);
}

async function roleOf(lab: LabInput, instance: string): Promise<string | undefined> {
  return (await statusOf(lab)).rows.find((row) => row.instance === instance)?.role;
}

/** Ends servers as a crash does. @param endpoints beginnings of `ADDRESS:PORT`; all of them where none is named */
async function crash(lab: LabInput, ...endpoints: readonly string[]): Promise<void> {
  const servers = await serversIn(`${project.folder}/.redis-lab/${lab.name}`);
  const chosen = servers.filter(({ endpoint }) => endpoints.length === 0 || endpoints.some((one) => endpoint.startsWith(one)));
  expect(chosen.length).toBeGreaterThanOrEqual(Math.max(1, endpoints.length));
  for (const { pid } of chosen) process.kill(pid, "SIGKILL");
}

/** Where an instance listens on this computer. */
function endpointOf(lab: LabInput, host: string): string {
  return `${lab.network.loopback.split(".").slice(0, 3).join(".")}.${host.split("-")[1]}:6379`;
}

// The slot of {a} is 15495, that of {c} 7365 and that of {b} 3300, which is redis-18's.
const keysOf = (name: string) => [...Array(200).keys()].map((index) => `${name}{b}${index}`);

async function write(lab: LabInput, instance: string, name: string, replicas: readonly string[]): Promise<void> {
  const client = await project.client(lab, instance);
  await client.callAll(keysOf(name).map((key) => ["SET", key, name]));
  if (replicas.length > 0) expect(Number(await client.call(["WAIT", replicas.length, 50_000]))).toBe(replicas.length);
  client.close();
}

/** Every server of the group has the keys, once it is in step. */
async function expectNothingLost(lab: LabInput, servers: readonly string[], ...names: readonly string[]): Promise<void> {
  for (const server of servers) {
    await waitFor(
      async () => {
        const client = await project.client(lab, server);
        if ((await client.call(["INFO", "replication"]))?.toString().includes("role:slave") === true)
          await client.call(["READONLY"]).catch(() => undefined);
        const found = await client.callAll(names.flatMap(keysOf).map((key) => ["EXISTS", key]));
        client.close();
        const lost = found.filter((reply) => Number(reply) !== 1).length;
        return lost === 0 ? { done: true, value: undefined } : { done: false, missing: `${lost} of ${found.length} keys at ${server}` };
      },
      { what: `the keys at ${server}`, timeoutMs: 60_000 },
    );
  }
}

/** Instance ids; the first one is the declared master of its group, the others replicate it. */
const cases = [
  { lab: cluster, servers: ["redis-18:6379", "redis-58:6379"], decides: /redis-18:6379 was failed over/ },
  { lab: sentinel, servers: ["redis-18:6379", "redis-28:6379", "redis-38:6379"], decides: /redis-18:6379 was failed over to/ },
  { lab: replication, servers: ["redis-18:6379", "redis-28:6379", "redis-38:6379"], decides: /redis-18:6379 handed over to/ },
];

describe.each(cases)("$lab.name", ({ lab, servers, decides }) => {
  const [first = "", ...replicas] = servers;

  test("a first start waits for nobody", async () => {
    const up = await project.ok(["up", lab.name]);
    expect(up.stderr).not.toMatch(/waits|starts with/);
  });

  test("up at once after the crash of a master loses no key", async () => {
    await write(lab, first, "old", replicas);
    await snapshot((...command) => project.call(lab, first, ...command));
    await write(lab, first, "new", replicas);
    await crash(lab, endpointOf(lab, "redis-18"));
    const up = await project.ok(["up", lab.name]);
    expect(up.stderr).toMatch(decides);
    await expectNothingLost(lab, servers, "old", "new");
    expect(await roleOf(lab, first)).toBe("replica");
  });

  // By the same script in all layouts; a cluster and its sentinels have a failover of their own besides.
  test.skipIf(lab === replication && !FULL)("all killed at once: nobody waits for long, and the copy with the most leads", async () => {
    const master = (await statusOf(lab)).rows.find(({ instance, role }) => servers.includes(instance) && role === "master")?.instance ?? "";
    const others = servers.filter((server) => server !== master);
    await snapshot((...command) => project.call(lab, master, ...command));
    await write(lab, master, "late", others);
    await snapshot((...command) => project.call(lab, first, ...command));
    await crash(lab);
    const up = await project.ok(["up", lab.name]);
    expect(up.stderr).toContain(`${master} handed over to `);
    await expectNothingLost(lab, servers, "old", "new", "late");
    // Sentinels take any replica that has all by then.
    if (lab !== sentinel) expect(await roleOf(lab, first)).toBe("master");
    expect(await roleOf(lab, master)).toBe("replica");
    expect((await project.ok(["up", lab.name])).stdout).toContain("\n0 changed\n");
  });
});

test("a crashed master without a replica starts at once", async () => {
  await crash(cluster, endpointOf(cluster, "redis-28"));
  const up = await project.ok(["up", cluster.name]);
  expect(up.stderr).not.toMatch(/waits|starts with|failed over/);
  expect(await roleOf(cluster, "redis-28:6379")).toBe("master");
});

test("a planned restart waits for nobody", async () => {
  await project.ok(["down", cluster.name]);
  // What the script before the start writes while it waits.
  const run = join(project.folder, ".redis-lab/cluster/local/hosts/redis-18/apps/redis/run");
  await writeFile(join(run, "redis-6379.note"), "waits at most 15 s until it is failed over\n");
  expect((await statusOf(cluster)).rows.find(({ host }) => host === "redis-18")?.note).toMatch(/^waits at most 15 s/);
  const up = await project.ok(["up", cluster.name]);
  expect(up.stderr).not.toMatch(/waits|starts with|handed over/);
  await expectNothingLost(cluster, ["redis-18:6379", "redis-58:6379"], "old", "new", "late");
});
