import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import type { StatusRow } from "../../lib/operations/status.ts";
import { type Rig, startMachines } from "./rig/rig.ts";
import { clusterOn, sentinelOn } from "./support/labs.ts";
import { TestProject } from "./support/project.ts";
import { Writer } from "./support/writer.ts";

// A redis-server is killed under systemd, which starts it again after five seconds: before it is failed over, and with the disk of its last snapshot.

const HOSTS = ["redis-18", "redis-28", "redis-38", "redis-58"];
/** Snapshots are made by these tests alone. */
const settings = { save: "900 100000000" };
/** In slot 3300, which is redis-18's. */
const KEYS = ["{b}one", "{b}two", "{b}three"];

let rig: Rig;
let project: TestProject | undefined;

beforeAll(async () => {
  rig = await startMachines({ machines: HOSTS });
});
afterAll(async () => {
  await project?.remove();
  await rig?.stop();
});

const cases = [
  {
    kind: "cluster",
    servers: ["redis-18", "redis-58"],
    lab: (): Promise<LabInput> =>
      clusterOn(rig, "7.0.15", {
        hosts: numberedHosts("192.168.1", [18, 28, 38, 58]),
        redis: { settings },
        layout: {
          kind: "cluster",
          masters: ["redis-18", "redis-28", "redis-38"],
          replicas: { "redis-58": "redis-18" },
          nodeTimeoutMs: 8000,
        },
      }),
  },
  {
    kind: "sentinel",
    servers: ["redis-18", "redis-28", "redis-38"],
    lab: (): Promise<LabInput> =>
      sentinelOn(rig, "7.0.15", {
        redis: { settings },
        layout: {
          kind: "sentinel",
          masters: [
            { name: "mymaster", master: "redis-18", replicas: ["redis-28", "redis-38"], downAfterMs: 8000, failoverTimeoutMs: 20_000 },
          ],
          sentinels: ["redis-18", "redis-28", "redis-38"],
        },
      }),
  },
];

describe.each(cases)("$kind", ({ kind, lab, servers }) => {
  const running = (): TestProject => project ?? expect.fail("no lab is up");

  function writerOf(round: string): Writer {
    const addresses = servers.map((name) => rig.machine(name).address);
    const secrets = join(running().folder, ".redis-lab", kind, "secrets.json");
    return new Writer(addresses, KEYS, secrets, (key, number) => `${key}:${round}:${number}`);
  }

  async function rows(): Promise<readonly StatusRow[]> {
    return (await running().status()).rows.filter(({ host, role }) => servers.includes(host) && role !== "sentinel");
  }

  async function master(): Promise<string> {
    return waitFor(
      async () => {
        const all = await rows();
        const masters = all.filter(({ role, state }) => role === "master" && state === "up");
        const whole = masters.length === 1 && all.every(({ role, note }) => role === "master" || (role === "replica" && note === ""));
        const [one] = masters;
        if (one !== undefined && whole) return { done: true as const, value: one.host };
        return { done: false as const, missing: all.map(({ host, role, note }) => `${host} ${role} ${note}`).join(", ") };
      },
      { what: "one master with its replicas", timeoutMs: 180_000, intervalMs: 500 },
    );
  }

  const crash = (host: string) => rig.machine(host).exec("kill -9 $(systemctl show -p MainPID --value redis)");

  function written(writer: Writer, more: number): Promise<unknown> {
    const goal = writer.count + more;
    return waitFor(
      async () => (writer.count >= goal ? { done: true, value: undefined } : { done: false, missing: `${writer.count} of ${goal}` }),
      {
        what: `${more} writes`,
        timeoutMs: 180_000,
      },
    );
  }

  /** Acknowledged writes of a round that the master does not have. */
  async function lostOf(round: string, acknowledged: ReadonlyMap<string, number>, at: string): Promise<number> {
    let lost = 0;
    for (const [key, last] of acknowledged) {
      const numbers = [...Array(last).keys()].map((index) => index + 1);
      const input = numbers.map((number) => `exists ${key}:${round}:${number}`).join("\n");
      const { stdout } = await running().run("cli", [at], { input: `${input}\n` });
      lost += stdout.split("\n").filter((line) => /\b0$/.test(line.trim())).length;
    }
    return lost;
  }

  test("a master that was killed loses nothing that was acknowledged", async () => {
    await project?.run("down", ["--purge", "--yes"]);
    await project?.remove();
    project = await TestProject.create(await lab());
    expect((await running().up()).status.healthy).toBe(true);
    const writer = writerOf("killed");
    await written(writer, 300);
    const before = await master();
    expect(await running().redis(before, "save")).toBe("OK");
    await written(writer, 300);
    await crash(before);
    await written(writer, 300);
    const after = await master();
    const { acknowledged } = await writer.stop();
    expect(after).not.toBe(before);
    const lost = await lostOf("killed", acknowledged, after);
    console.log(`killed: ${lost} of ${writer.count} acknowledged writes lost; at most ${KEYS.length} were in flight`);
    expect(lost).toBeLessThanOrEqual(KEYS.length);
    expect(await rig.machine(before).exec("grep 'redis-lab:' /apps/redis/logs/redis-6379.log")).toContain("waits at most");
  });

  test.each(["the master first", "a replica first"])("all copies crash 3 s apart, %s: nobody waits for ever", async (order) => {
    const was = await master();
    const others = servers.filter((host) => host !== was);
    const writer = writerOf(order);
    await written(writer, 300);
    // The disks of the replicas have this, that of the master has not.
    for (const host of others) expect(await running().redis(host, "save")).toBe("OK");
    const safe = writer.count;
    const groups = order === "the master first" ? [[was], others] : [others, [was]];
    await Promise.all(groups[0]?.map(crash) ?? []);
    await delay(3_000);
    await Promise.all(groups[1]?.map(crash) ?? []);
    const begin = performance.now();
    const is = await master();
    const seconds = (performance.now() - begin) / 1000;
    await written(writer, 50);
    const { acknowledged } = await writer.stop();
    const lost = await lostOf(order, acknowledged, await master());
    console.log(`${order}: ${was} → ${is} in ${seconds.toFixed(1)} s, ${lost} of ${writer.count} lost; ${safe} were on a disk`);
    expect(is).not.toBe(was);
    expect(writer.count - lost).toBeGreaterThanOrEqual(safe);
  });

  test("a planned restart is not slowed", async () => {
    const host = await master();
    const begin = performance.now();
    await rig.machine(host).exec("systemctl restart redis");
    const seconds = (performance.now() - begin) / 1000;
    console.log(`planned restart: ${seconds.toFixed(2)} s`);
    expect(await rig.machine(host).exec("cat /apps/redis/run/redis-6379.note 2>/dev/null || echo nothing")).toBe("nothing\n");
    expect(await master()).toBe(host);
  });
});
