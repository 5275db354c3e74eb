import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { LabInput } from "../../lib/lab/schema.ts";
import { clusterInput } from "../support/labs.ts";
import { type Rig, SEVEN, SPARE, startMachines } from "./rig/rig.ts";
import { clusterOn } from "./support/labs.ts";
import { TestProject } from "./support/project.ts";
import { currentValue } from "./support/value.ts";
import { Writer } from "./support/writer.ts";

// What a lab that runs goes through: another password, other settings, a file that was edited by hand, one more host. Clients write meanwhile.

const MASTERS = ["redis-18", "redis-28", "redis-38"] as const;
/** One key for each shard: slots 12182, 5061 and 6918. */
const KEYS = ["foo", "bar", "test"] as const;

let rig: Rig;
let project: TestProject;
let lab: LabInput;

beforeAll(async () => {
  rig = await startMachines({ machines: [...SEVEN, SPARE] });
  // With the shipped time-out: no node is failed over only because the computer was busy.
  lab = await clusterOn(rig, "5.0.6", { layout: layout() });
  project = await TestProject.create(lab);
  await project.up();
});

afterAll(async () => {
  await project?.remove();
  await rig?.stop();
});

function layout() {
  const { layout: shipped } = clusterInput();
  if (shipped.kind !== "cluster") throw new Error("the lab `cluster` has another layout");
  return shipped;
}

function startWriter(): Writer {
  const addresses = SEVEN.slice(0, 6).map((name) => rig.machine(name).address);
  return new Writer(addresses, KEYS, join(project.folder, ".redis-lab", "cluster", "secrets.json"));
}

async function expectAcknowledged(acknowledged: ReadonlyMap<string, number>): Promise<void> {
  const { rows } = await project.status();
  for (const key of KEYS) {
    const values = await Promise.all(
      rows.filter(({ slotCount }) => slotCount > 0).map(({ instance }) => project.redis(instance, "get", key)),
    );
    expect(values.filter((value) => !value.startsWith("MOVED"))).toEqual([String(acknowledged.get(key))]);
  }
}

/** Main process of every unit of redis-lab, by host and unit. */
async function processes(): Promise<Record<string, string>> {
  const lists = await rig.each(async (machine) => {
    const text = await machine.exec("for u in redis redis-6380; do systemctl show -p MainPID --value $u; done");
    return [machine.name, text.trim().replace("\n", " ")] as const;
  });
  return Object.fromEntries(lists);
}

test("the password rotates and nobody notices", async () => {
  const before = await processes();
  const writer = startWriter();
  const up = await project.up(["--rotate-password"]);
  const { acknowledged, failures } = await writer.stop();
  expect(failures).toEqual([]);
  expect(up.changed).toBe(8);
  await expectAcknowledged(acknowledged);
  expect(await processes()).toEqual(before);
  expect((await project.up()).changed).toBe(0);
  const doctor = await project.run("doctor", ["--json"]);
  expect(doctor.stdout).not.toContain('"password",\n      "severity"');
});

test("a setting that Redis takes at run time restarts nobody", async () => {
  const before = await processes();
  await project.declare({ ...lab, redis: { ...lab.redis, settings: { maxmemory: 900_000_000 } } });
  expect((await project.run("plan")).stdout).toContain("maxmemory at once");
  expect((await project.up()).changed).toBe(8);
  expect(await project.redis("redis-58", "config", "get", "maxmemory")).toBe("maxmemory\n900000000");
  expect(await processes()).toEqual(before);
  expect((await project.up()).changed).toBe(0);
});

test("a setting that needs a restart goes round, and loses no write", async () => {
  const before = await processes();
  lab = { ...lab, redis: { ...lab.redis, settings: { maxmemory: 900_000_000, "always-show-logo": true } } };
  await project.declare(lab);
  expect((await project.run("plan")).stdout).toContain("always-show-logo by a restart");
  const writer = startWriter();
  const up = await project.up();
  console.log(`rolling restart of eight: ${up.seconds.toFixed(1)} s`);
  const { acknowledged, failures } = await writer.stop();
  console.log(`failed writes meanwhile: ${failures.length}`);
  await expectAcknowledged(acknowledged);
  const after = await processes();
  expect(SEVEN.filter((name) => after[name] === before[name])).toEqual([]);
  expect(up.status.healthy).toBe(true);
  expect((await project.up()).changed).toBe(0);
});

test("a unit that was edited by hand is planned and fixed", async () => {
  const machine = rig.machine("redis-78");
  const before = await processes();
  await machine.exec("sed -i 's/^LimitNOFILE=.*/LimitNOFILE=1000/' /etc/systemd/system/redis-6380.service; systemctl -q disable redis");
  const plan = await project.run("plan");
  expect(plan.stdout).toContain("change /etc/systemd/system/redis-6380.service");
  expect(plan.stdout).toContain("-LimitNOFILE=1000");
  expect(plan.stdout).toContain("enable redis.service");
  expect((await project.run("doctor")).stdout).toContain("redis-6380.service");
  const up = await project.up();
  expect(up.changed).toBeGreaterThan(0);
  expect(await machine.exec("systemctl show -p LimitNOFILE --value redis-6380; systemctl is-enabled redis")).toMatch(/^6\d{4}\nenabled\n$/);
  const after = await processes();
  expect(after["redis-78"]?.split(" ")[0]).toBe(before["redis-78"]?.split(" ")[0]);
  expect(after["redis-78"]?.split(" ")[1]).not.toBe(before["redis-78"]?.split(" ")[1]);
  expect({ ...after, "redis-78": "" }).toEqual({ ...before, "redis-78": "" });
  expect((await project.up()).changed).toBe(0);
});

test("a host that is added to the lab joins the cluster and gets its share of the slots, while clients write", async () => {
  const before = await processes();
  const { hosts } = lab;
  const more = { ...layout(), masters: [...layout().masters, SPARE] };
  await project.declare({ ...lab, hosts: [...hosts, { name: SPARE, address: "192.168.1.88" }], layout: more });
  const plan = await project.run("plan");
  expect(plan.stdout).toContain(SPARE);
  const writer = startWriter();
  const up = await project.up();
  const { acknowledged, failures } = await writer.stop();
  const row = up.status.rows.find(({ host }) => host === SPARE);
  expect(row).toMatchObject({ role: "master", state: "up", slotCount: 4096, note: "" });
  expect(failures).toEqual([]);
  await expectAcknowledged(acknowledged);
  expect(await project.redis(SPARE, "cluster", "info")).toMatch(/cluster_state:ok[\s\S]*cluster_known_nodes:7/);
  expect({ ...(await processes()), [SPARE]: "" }).toEqual({ ...before, [SPARE]: "" });
  for (const name of MASTERS) expect(await rig.machine(name).exec("grep -c redis-88 /etc/hosts")).toBe("1\n");
  expect((await project.up()).changed).toBe(0);
});

test("declared no more it leaves: its slots go to the others, and its keys with them", async () => {
  const before = await Promise.all(KEYS.map((key) => currentValue(project, key)));
  await project.declare(lab);
  expect((await project.run("plan")).stdout).toContain(`let ${SPARE} leave`);
  const up = await project.up();
  expect(up.left).toMatchObject([{ host: SPARE, outcome: "left" }]);
  expect(up.status.rows.filter(({ slotCount }) => slotCount > 0)).toHaveLength(3);
  expect(await Promise.all(KEYS.map((key) => currentValue(project, key)))).toEqual(before);
  expect(await rig.machine(SPARE).exec("systemctl is-active redis || true")).toBe("inactive\n");
  expect((await project.up()).changed).toBe(0);
});
