import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { type Machine, type Rig, startMachines } from "./rig/rig.ts";
import { sentinelOn } from "./support/labs.ts";
import { type CliResult, TestProject } from "./support/project.ts";

// Faults on machines with systemd: what is made, what undoes it, also where nobody can reach the machine, and what is never touched. On each machine a Redis of others listens, whose process and traffic are looked at all along.

const HOSTS = ["redis-18", "redis-28", "redis-38"] as const;
const BYSTANDER = 7777;
const addressOf = (host: string) => `192.168.1.${host.split("-")[1]}`;

let rig: Rig;
let project: TestProject;
const machine = (name: string): Machine => rig.machine(name);

beforeAll(async () => {
  rig = await startMachines({ machines: HOSTS });
  // A small disk for the data of one of them.
  await machine("redis-38").exec("mkdir -p /apps/redis/data && mount -t tmpfs -o size=24m,mode=750 tmpfs /apps/redis/data");
  project = await TestProject.create(
    await sentinelOn(rig, "7.0.15", {
      disposable: true,
      layout: {
        kind: "sentinel",
        // Nothing is failed over by itself meanwhile.
        masters: [{ name: "mymaster", master: "redis-18", replicas: ["redis-28", "redis-38"], downAfterMs: 600_000 }],
        sentinels: [...HOSTS],
      },
    }),
  );
  await project.up();
  await rig.each(startBystander);
});

afterAll(async () => {
  await project?.remove();
  await rig?.stop();
});

async function startBystander(on: Machine): Promise<void> {
  await on.exec(
    `mkdir -p /opt/others && cp -L /apps/redis/bin/redis-server /apps/redis/bin/redis-cli /opt/others/ && cd /opt/others &&
./redis-server --port ${BYSTANDER} --bind 0.0.0.0 --protected-mode no --daemonize yes --save '' --dir /opt/others >/dev/null`,
  );
}

const fault = (...words: readonly string[]) => project.run("fault", words);

async function ok(run: Promise<CliResult>): Promise<string> {
  const { code, output } = await run;
  expect(code, output).toBe(0);
  return output;
}

/** What a PING from one machine to a port of another gives within two seconds. */
async function ping(from: string, to: string, port: number): Promise<string> {
  const { stdout } = await machine(from).tryExec(`timeout 2 /opt/others/redis-cli -h ${addressOf(to)} -p ${port} ping 2>&1`);
  return stdout.trim();
}

/** The lab's servers ask for a password. */
const ANSWERS = /NOAUTH|PONG/;

async function expectBystanders(...pairs: readonly (readonly [string, string])[]): Promise<void> {
  for (const [from, to] of pairs) expect(await ping(from, to, BYSTANDER), `${from} to ${to}`).toBe("PONG");
}

async function pidOf(host: string): Promise<string> {
  return (await machine(host).exec("systemctl show -p MainPID --value redis")).trim();
}

async function stateOf(host: string): Promise<string> {
  return (await machine(host).tryExec(`sed -n 's/^State:[[:space:]]*\\(.\\).*/\\1/p' /proc/${await pidOf(host)}/status`)).stdout.trim();
}

async function until(what: string, look: () => Promise<boolean>, timeoutMs = 120_000): Promise<void> {
  await waitFor(async () => ((await look()) ? { done: true, value: undefined } : { done: false, missing: what }), { what, timeoutMs });
}

async function expectNothingLeft(): Promise<void> {
  expect(await ok(fault())).toContain("no fault is open");
  for (const host of HOSTS) {
    const left = await machine(host).exec(
      // iptables leaves a table of its own where nft shows it.
      "ls -d /apps/redis/.redis-lab/faults 2>/dev/null; nft list tables | grep redis_lab; iptables -S | grep RL_; systemctl list-units --all --plain --no-legend 'redis-lab-fault-*'; :",
    );
    expect(left.trim(), host).toBe("");
  }
}

test("a killed instance stays down for as long as was said, although systemd would start it", async () => {
  const before = await pidOf("redis-28");
  const output = await ok(fault("kill", "redis-28:6379", "--for", "12s"));
  expect(output).toMatch(new RegExp(`redis-28:6379 killed \\(process ${before}\\)`));
  const until8 = performance.now() + 8_000;
  while (performance.now() < until8) expect(await pidOf("redis-28")).toBe("0");
  await until("its next process", async () => (await pidOf("redis-28")) !== "0");
  await until("an answer", async () => ANSWERS.test(await ping("redis-18", "redis-28", 6379)));
  await expectBystanders(["redis-18", "redis-28"]);
  await expectNothingLeft();
});

test("a machine heals itself at its deadline, also where no one can reach it", async () => {
  await ok(fault("hang", "redis-38:6379", "--for", "8s"));
  expect(await stateOf("redis-38")).toBe("T");
  await machine("redis-38").linkDown();
  try {
    await until("its redis-server to go on", async () => (await stateOf("redis-38")) === "S");
  } finally {
    await machine("redis-38").linkUp();
  }
  await until("an answer", async () => ANSWERS.test(await ping("redis-18", "redis-38", 6379)));
  await expectNothingLeft();
});

test("a partition cuts the lab's ports between its sides and nothing else", async () => {
  const output = await ok(fault("partition", "redis-18", "redis-28,redis-38", "--for", "5m"));
  expect(output).toContain("between redis-18 and redis-28, redis-38 is dropped");
  for (const [from, to] of [
    ["redis-18", "redis-28"],
    ["redis-38", "redis-18"],
  ] as const) {
    expect(await ping(from, to, 6379)).toBe("");
    expect(await ping(from, to, 26379)).toBe("");
  }
  expect(await ping("redis-28", "redis-38", 6379)).toMatch(ANSWERS);
  await expectBystanders(["redis-18", "redis-28"], ["redis-38", "redis-18"]);
  // The computer that runs redis-lab still sees all of them, and doctor says what is open.
  expect((await project.status()).rows.map(({ state }) => state)).toEqual(Array(6).fill("up"));
  expect((await project.run("doctor")).output).toMatch(/redis-18: the fault partition.*is not undone[\s\S]*Undo it: redis-lab heal/);
  expect(await ok(project.run("heal"))).toContain("partition of redis-18 undone on redis-18");
  expect(await ping("redis-18", "redis-28", 6379)).toMatch(ANSWERS);
  await expectNothingLeft();
});

test("where there is no nft it is iptables, one way, and with resets", async () => {
  const on = machine("redis-18");
  await on.exec("mv /usr/sbin/nft /usr/sbin/nft.away");
  try {
    await ok(fault("isolate", "redis-18", "--reject", "--for", "5m"));
    expect(await ping("redis-18", "redis-28", 6379)).toMatch(/refused|reset/i);
    expect(await ping("redis-28", "redis-18", 6379)).toMatch(/refused|reset/i);
    await expectBystanders(["redis-18", "redis-28"], ["redis-28", "redis-18"]);
    await ok(project.run("heal"));
    await ok(fault("loss", "redis-18", "--percent", "100", "--one-way", "--for", "5m"));
    expect(await ping("redis-28", "redis-18", 6379)).toBe("");
    await ok(project.run("heal"));
    expect(await ping("redis-28", "redis-18", 6379)).toMatch(ANSWERS);
  } finally {
    await on.exec("mv /usr/sbin/nft.away /usr/sbin/nft");
  }
  await expectNothingLeft();
});

test("a disk is filled where it is a small one of the machine's own, and nowhere else", async () => {
  const { code, output } = await fault("disk-full", "redis-18");
  expect(code).toBe(1);
  expect(output).toMatch(
    /disk-full can't be made on redis-18: \/apps\/redis\/data is on the file system of \/, which is not redis-18's own/,
  );
  await ok(fault("disk-full", "redis-38", "--for", "5m"));
  expect((await machine("redis-38").exec("df -Pk /apps/redis/data | awk 'NR == 2 { print $4 }'")).trim()).toBe("0");
  await ok(project.run("heal"));
  expect(Number(await machine("redis-38").exec("df -Pk /apps/redis/data | awk 'NR == 2 { print $4 }'"))).toBeGreaterThan(10_000);
  await expectNothingLeft();
});

test("power-off: silence first, then the end of all processes; and back", async () => {
  await ok(fault("power-off", "redis-28", "--for", "5m"));
  expect(await pidOf("redis-28")).toBe("0");
  expect(await ping("redis-18", "redis-28", 6379)).toBe("");
  await expectBystanders(["redis-18", "redis-28"]);
  await ok(project.run("heal"));
  await until("an answer", async () => ANSWERS.test(await ping("redis-18", "redis-28", 6379)));
  await expectNothingLeft();
});

test("a reboot leaves nothing behind, and the machine comes back with its instances", async () => {
  const boot = () =>
    machine("redis-28")
      .tryExec("sed 's/.*) //' /proc/1/stat | cut -d ' ' -f 20")
      .then(({ stdout }) => stdout);
  const before = await boot();
  await ok(fault("hang", "redis-28:26379", "--for", "10m"));
  const output = await ok(fault("reboot", "redis-28"));
  expect(output).toContain("redis-28 restarts");
  await until("another boot", async () => {
    const now = await boot();
    return now !== "" && now !== before;
  });
  await until("the lab to be healthy", async () => (await project.status().catch(() => undefined))?.healthy === true, 300_000);
  // What stood still before has ended with the machine: it is not open, and there is nothing to undo.
  expect(await ok(fault())).toContain("no fault is open");
  expect(await ok(project.run("heal"))).toContain("no fault was open");
  await expectNothingLeft();
});
