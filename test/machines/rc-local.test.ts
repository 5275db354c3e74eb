import { afterAll, beforeAll, expect, test } from "vitest";
import { type Rig, startMachines } from "./rig/rig.ts";
import { clusterOn } from "./support/labs.ts";
import { leftBehind } from "./support/machine-files.ts";
import { sharedCache, TestProject } from "./support/project.ts";

// An rc.local of the administrator is run at boot, once, and by nobody else; and Redis never waits for it. As root.

const UNIT = "redis-lab-thp-cluster.service";
const HOSTS = ["redis-18", "redis-28", "redis-38"];

/** Brings a program and Redis up, as many do after a first reboot; the second never returns, and the third was never made executable. */
const BRINGS_UP =
  "#!/bin/sh\necho ran >> /run/rc-local-runs\nsleep 1000000 &\necho $! > /run/rc-local-program\nsystemctl start redis || :\n";
const NEVER_RETURNS = "#!/bin/sh\necho ran >> /run/rc-local-runs\necho $$ > /run/rc-local-program\nexec sleep 1000000\n";

let rig: Rig;
let project: TestProject;
let before: Awaited<ReturnType<typeof leftBehind>>[];

beforeAll(async () => {
  rig = await startMachines({ machines: HOSTS });
  const hosts = HOSTS.map((name) => ({ name, address: rig.machine(name).address }));
  const lab = await clusterOn(rig, "7.0.15", { hosts, layout: { kind: "cluster", masters: HOSTS } });
  project = await TestProject.create(lab, sharedCache());
  await write("redis-18", BRINGS_UP, "755");
  await write("redis-28", NEVER_RETURNS, "755");
  await write("redis-38", BRINGS_UP, "644");
  // It is made a unit by a generator; the one that never returns is not waited for.
  for (const name of ["redis-18", "redis-28"])
    await rig
      .machine(name)
      .exec("systemctl daemon-reload; systemctl start --no-block rc-local; until [ -s /run/rc-local-program ]; do sleep 0.1; done");
  before = await rig.each((machine) => leftBehind(machine));
}, 300_000);

afterAll(async () => {
  await project?.remove();
  await rig?.stop();
});

async function write(name: string, text: string, mode: string): Promise<void> {
  await rig.machine(name).exec(`printf '%s' '${text}' > /etc/rc.local; chmod ${mode} /etc/rc.local`);
}

/** Run once since the boot, and what it started then is alive; the third not at all. */
async function expectLeftAlone(): Promise<void> {
  const script = "cat /run/rc-local-runs; kill -0 $(cat /run/rc-local-program) && echo alive; stat -c %a /etc/rc.local";
  for (const name of ["redis-18", "redis-28"]) expect(await rig.machine(name).exec(script), name).toBe("ran\nalive\n755\n");
  expect(await rig.machine("redis-38").exec("ls /run | grep rc-local- || :; stat -c %a /etc/rc.local")).toBe("644\n");
}

test("up sets huge pages without running any of them again", async () => {
  const { code, output } = await project.run("up");
  expect([code, output]).toEqual([0, expect.stringContaining("healthy")]);
  await expectLeftAlone();
  for (const machine of Object.values(rig.machines)) {
    expect(await machine.exec("cat /sys/kernel/mm/transparent_hugepage/enabled")).toBe("never\n");
    expect(await machine.exec(`systemctl is-enabled ${UNIT}`)).toBe("enabled\n");
  }
}, 300_000);

test("after a reboot Redis is there, huge pages are set, and up has nothing to do", async () => {
  await rig.each((machine) => machine.reboot());
  for (const machine of Object.values(rig.machines)) {
    await machine.exec(`until [ "$(systemctl is-active redis)" = active ]; do sleep 0.2; done`);
    expect(await machine.exec(`systemctl is-active ${UNIT}; cat /sys/kernel/mm/transparent_hugepage/enabled`)).toBe("active\nnever\n");
  }
  const up = await project.up();
  expect([up.changed, up.status.healthy]).toEqual([0, true]);
  await expectLeftAlone();
}, 300_000);

test("the lines of an earlier version go with the next up", async () => {
  const { machine } = { machine: rig.machine("redis-38") };
  const block = "# BEGIN redis-lab cluster\\nif [ -w /x ]; then echo never > /x; fi\\n# END redis-lab cluster";
  await machine.exec(`cp -p /etc/rc.local /etc/rc.local.redis-lab-orig; sed -i '1a ${block}' /etc/rc.local; chmod 755 /etc/rc.local`);
  const plan = await project.run("plan");
  expect(plan.stdout).toContain("take the lines of cluster out of /etc/rc.local");
  expect((await project.up()).changed).toBe(1);
  expect(await machine.exec("stat -c %a /etc/rc.local; ls /etc/rc.local.redis-lab-orig 2>/dev/null || :; cat /etc/rc.local")).toBe(
    `644\n${BRINGS_UP}`,
  );
  await expectLeftAlone();
}, 300_000);

test("down --purge leaves them, and the machines, as they were", async () => {
  expect((await project.run("down", ["--purge", "--yes"])).code).toBe(0);
  expect(await rig.each((machine) => leftBehind(machine))).toEqual(before);
  await expectLeftAlone();
  for (const machine of Object.values(rig.machines)) expect((await machine.tryExec(`systemctl cat ${UNIT}`)).code).not.toBe(0);
}, 300_000);
