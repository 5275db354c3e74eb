import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { type Rig, startMachines } from "./rig/rig.ts";
import { sentinelOn } from "./support/labs.ts";
import { writtenSince } from "./support/machine-files.ts";
import { TestProject } from "./support/project.ts";
import { Writer } from "./support/writer.ts";

// A sentinel layout from bare machines, by a user who is root through sudo alone; a failover that nobody undoes.

const HOSTS = ["redis-18", "redis-28", "redis-38"] as const;

let rig: Rig;
let project: TestProject;

beforeAll(async () => {
  rig = await startMachines({ machines: HOSTS });
  project = await TestProject.create(await labOf("5.0.6"));
});

afterAll(async () => {
  await project?.remove();
  await rig?.stop();
});

function labOf(version: string, redis: LabInput["redis"] = {}): Promise<LabInput> {
  // Sentinels whose votes were split try again after twice the failover time-out: 6 minutes where nothing else is said.
  const monitor = { name: "mymaster", master: "redis-18", replicas: ["redis-28", "redis-38"], quorum: 2, failoverTimeoutMs: 20_000 };
  return sentinelOn(rig, version, {
    ssh: { user: rig.users.sudo },
    layout: { kind: "sentinel", masters: [monitor], sentinels: [...HOSTS] },
    redis,
  });
}

/** The host that the sentinel of each host takes for the master. */
async function mastersSeen(): Promise<readonly string[]> {
  return Promise.all(
    HOSTS.map(async (host) => {
      const reply = await project.redis(`${host}:26379`, "sentinel", "get-master-addr-by-name", "mymaster");
      return `redis-${/192\.168\.1\.(\d+)/.exec(reply)?.[1]}`;
    }),
  );
}

async function rolesNow(): Promise<Record<string, string>> {
  const { rows } = await project.status();
  return Object.fromEntries(rows.filter(({ role }) => role !== "sentinel").map(({ host, role, note }) => [host, `${role} ${note}`.trim()]));
}

function waitForRoles(wanted: Record<string, string>): Promise<unknown> {
  return waitFor(
    async () => {
      const now = await rolesNow();
      return JSON.stringify(now) === JSON.stringify(wanted) ? { done: true, value: now } : { done: false, missing: JSON.stringify(now) };
    },
    { what: `the roles ${JSON.stringify(wanted)}`, timeoutMs: 180_000 },
  );
}

test("from bare machines to a working layout, as a user with sudo", async () => {
  const up = await project.run("up");
  console.log(`sentinel with compile: ${up.seconds.toFixed(1)} s`);
  expect(up.output).toContain("sentinel on ssh: healthy");
  expect(up.code).toBe(0);
  expect(await rolesNow()).toEqual({ "redis-18": "master", "redis-28": "replica", "redis-38": "replica" });
  for (const host of HOSTS) {
    expect(await project.redis(`${host}:26379`, "sentinel", "ckquorum", "mymaster")).toMatch(/^OK 3 usable Sentinels/);
    expect(await rig.machine(host).exec("systemctl is-enabled redis redis-sentinel; stat -c '%a %U' /apps/redis/etc/sentinel.conf")).toBe(
      "enabled\nenabled\n640 redis\n",
    );
    expect(await rig.machine(host).exec("find /home/centos /tmp /var/tmp -newer /etc/hostname -type f ! -name authorized_keys")).toBe("");
  }
  expect((await project.run("ssh", ["redis-28", "id", "-un"])).stdout).toBe("centos\n");
  expect((await project.run("logs", ["redis-28:26379", "-n", "1"])).stdout).toMatch(/\n$/);
});

test("a second up changes nothing", async () => {
  const before = await rig.each((machine) => writtenSince(machine));
  const second = await project.up();
  expect(second.changed).toBe(0);
  expect(await rig.each((machine) => writtenSince(machine))).toEqual(before);
});

test("the master killed: the sentinels fail over, and up leaves the new master in place", async () => {
  expect(await project.redis("redis-18", "set", "greeting", "hello")).toBe("OK");
  // systemd brings it back after the failover, not in the middle of it: which of the two comes first would be a matter of luck.
  const machine = rig.machine("redis-18");
  const dropIn = "/run/systemd/system/redis.service.d";
  await machine.exec(`mkdir ${dropIn} && printf '[Service]\\nRestart=no\\n' > ${dropIn}/test.conf && systemctl daemon-reload`);
  await machine.exec("kill -9 $(systemctl show -p MainPID --value redis)");
  const master = await waitFor(
    async () => {
      const seen = await mastersSeen();
      return seen[0] !== "redis-18" && new Set(seen).size === 1
        ? { done: true as const, value: seen[0] ?? "" }
        : { done: false as const, missing: seen.join(" ") };
    },
    { what: "a failover", timeoutMs: 180_000 },
  );
  await machine.exec(`rm -r ${dropIn} && systemctl daemon-reload && systemctl start redis`);
  const roles = Object.fromEntries(HOSTS.map((host) => [host, host === master ? "master" : "replica"]));
  await waitForRoles(roles);
  const plan = await project.plan();
  expect(plan.changes).toBe(0);
  const up = await project.up();
  expect(up.changed).toBe(0);
  expect(await rolesNow()).toEqual(roles);
  expect(await project.redis(master, "get", "greeting")).toBe("hello");
});

test("the password rotates while a client writes, and nobody fails over", async () => {
  const [master = ""] = await mastersSeen();
  const secrets = join(project.folder, ".redis-lab", "sentinel", "secrets.json");
  const writer = new Writer([rig.machine(master).address], ["counter"], secrets);
  const up = await project.up(["--rotate-password"]);
  const report = await writer.stop();
  expect(report.failures).toEqual([]);
  expect(up.changed).toBeGreaterThan(0);
  expect(await project.redis(master, "get", "counter")).toBe(String(report.acknowledged.get("counter")));
  expect((await project.up()).changed).toBe(0);
  expect(await mastersSeen()).toEqual(HOSTS.map(() => master));
  // Sentinels and replicas log in with the new one: a replica that lost its link gets it back.
  const replica = HOSTS.find((host) => host !== master) ?? "";
  await rig.machine(replica).exec("systemctl restart redis");
  await waitForRoles(Object.fromEntries(HOSTS.map((host) => [host, host === master ? "master" : "replica"])));
});

test("all machines rebooted: the layout is back, and up has nothing to do", async () => {
  const before = await mastersSeen();
  await rig.each((machine) => machine.reboot());
  await rig.each((machine) => machine.exec("systemctl is-system-running --wait"));
  const up = await project.up();
  expect(up.changed).toBe(0);
  expect(up.status.healthy).toBe(true);
  expect(new Set(await mastersSeen()).size).toBe(1);
  console.log(`master before and after the reboot: ${before[0]} ${(await mastersSeen())[0]}`);
});

test("a rolling upgrade while a client writes: an old master that would need all data of a newer one is restarted before, and no acknowledged write is lost", async () => {
  // So small a backlog that a replica which misses a moment is sent everything.
  await project.declare(await labOf("7.0.15", { settings: { "repl-backlog-size": "16kb" } }));
  const [master = ""] = await mastersSeen();
  const keys = ["one", "two", "three"];
  const members = [master, ...HOSTS.filter((host) => host !== master)].map((host) => rig.machine(host).address);
  const writer = new Writer(members, keys, join(project.folder, ".redis-lab", "sentinel", "secrets.json"));
  const planned = await project.plan();
  const up = await project.up();
  const { acknowledged } = await writer.stop();
  expect(up.status.healthy).toBe(true);
  expect(up.changed).toBe(planned.changes);
  expect(new Set(up.status.rows.map(({ version }) => version))).toEqual(new Set(["7.0.15"]));
  for (const key of keys) {
    console.log(`acknowledged writes of ${key} during the upgrade: ${acknowledged.get(key)}`);
    // The last write is acknowledged before the replicas have it.
    for (const host of HOSTS)
      await expect
        .poll(() => project.redis(host, "get", key), { timeout: 60_000, message: `${key} at ${host}` })
        .toBe(String(acknowledged.get(key)));
  }
  expect((await project.up()).changed).toBe(0);
});
