import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { type Rig, startMachines } from "./rig/rig.ts";
import { sentinelOn } from "./support/labs.ts";
import { leftBehind } from "./support/machine-files.ts";
import { TestProject } from "./support/project.ts";

// What is the lab's on a machine and what is not: units and ports of others, kernel settings of others, another lab beside it, and what stays of the lab when it goes.

const HOSTS = ["redis-18", "redis-28", "redis-38"] as const;
const DISTRIBUTION = `[Unit]
Description=A Redis of the distribution
[Service]
Type=notify
ExecStart=/usr/local/bin/redis-server /etc/redis/redis.conf --supervised systemd --daemonize no
[Install]
WantedBy=multi-user.target
Alias=redis.service
`;

let rig: Rig;
let project: TestProject;
let second: TestProject;
let bare: Awaited<ReturnType<typeof leftBehind>>[];
let somaxconn: string;

/** Two servers, and with `more` a third. */
async function lab(name: string, more: boolean, changes: Partial<LabInput> = {}): Promise<LabInput> {
  const { layout: _, ...common } = await sentinelOn(rig, "5.0.6");
  const hosts = common.hosts.filter(({ name: host }) => host !== "redis-38" || more);
  const replicas = more ? ["redis-28", "redis-38"] : ["redis-28"];
  return { ...common, name, hosts, layout: { kind: "replication", master: "redis-18", replicas }, ...changes };
}

beforeAll(async () => {
  rig = await startMachines({ machines: HOSTS });
  // What an administrator wrote there long ago, and how the system reads it at boot.
  await rig
    .machine("redis-18")
    .exec("echo 'net.core.somaxconn = 128' >> /etc/sysctl.conf; ln -sfn ../sysctl.conf /etc/sysctl.d/99-sysctl.conf");
  // The block in /etc/hosts goes to the file behind a link.
  await rig.machine("redis-28").exec("mv /etc/hosts /etc/hosts.real && ln -s hosts.real /etc/hosts");
  bare = await rig.each((machine) => leftBehind(machine));
  somaxconn = await rig.machine("redis-28").exec("sysctl -n net.core.somaxconn");
  project = await TestProject.create(await lab("first", true));
});

afterAll(async () => {
  await project?.remove();
  await second?.remove();
  await rig?.stop();
});

test("the lab runs hardened, its logs are rotated, its kernel settings outlive /etc/sysctl.conf", async () => {
  const up = await project.up();
  expect(up.status.healthy).toBe(true);
  const machine = rig.machine("redis-18");
  const pid = (await machine.exec("systemctl show -p MainPID --value redis")).trim();
  const status = await machine.exec(`cat /proc/${pid}/status`);
  expect(status).toMatch(/^CapBnd:\t0+$/m);
  expect(status).toMatch(/^Seccomp:\t2$/m);
  expect(await machine.exec(`cat /proc/${pid}/limits`)).toMatch(/^Max core file size +0 +0 /m);
  expect(await machine.exec("ls -d /run/redis-6379 2>/dev/null || :")).toBe("");
  expect(await machine.exec("cat /etc/logrotate.d/redis-lab-first")).toContain("/apps/redis/logs/redis-6379.log {");
  expect(await rig.machine("redis-28").exec("readlink /etc/hosts; stat -c %a /etc/hosts.real; grep -c redis-38 /etc/hosts.real")).toBe(
    "hosts.real\n644\n1\n",
  );
  await machine.reboot();
  await machine.exec("systemctl is-system-running --wait || :");
  expect(await machine.exec("sysctl -n net.core.somaxconn")).toBe("512\n");
  expect((await project.up()).changed).toBe(0);
});

test("a host that leaves keeps nothing of the lab, nor of an instance that was declared once", async () => {
  // The unit of one that no lab names any more.
  await rig
    .machine("redis-38")
    .exec(
      "cd /etc/systemd/system && sed 's/6379/6399/g' redis.service > redis-6399.service && cp -R redis.service.d redis-6399.service.d && systemctl --quiet enable redis-6399.service",
    );
  await project.declare(await lab("first", false));
  const up = await project.up();
  expect(up.left).toMatchObject([{ host: "redis-38", outcome: "left", notices: [] }]);
  expect(await leftBehind(rig.machine("redis-38"))).toEqual(bare[2]);
  expect((await rig.machine("redis-38").tryExec("systemctl cat redis.service")).code).not.toBe(0);
  expect(up.status.healthy).toBe(true);
});

test("a server of the build that runs outside of its unit is named, and nothing is removed under it", async () => {
  const machine = rig.machine("redis-28");
  await machine.exec("cp -p /apps/redis/bin/redis-server /usr/local/bin/redis-server");
  await machine.exec("/apps/redis/bin/redis-server --port 7777 --daemonize yes --dir /tmp --pidfile /tmp/by-hand.pid");
  await waitFor(
    async () => {
      const { stdout } = await machine.tryExec("/apps/redis/bin/redis-cli -p 7777 ping");
      return stdout === "PONG\n" ? { done: true, value: undefined } : { done: false, missing: "its answer" };
    },
    { what: "the server to listen", timeoutMs: 60_000 },
  );
  const purge = await project.run("down", ["--purge", "--yes"]);
  expect(purge.code).toBe(1);
  expect(purge.stdout).toMatch(/redis-28: process \d+ \(\S*redis-server \S*:7777\) still runs from the lab's build/);
  expect(await machine.exec("ls /apps/redis/etc")).toContain("redis.conf");
  await machine.exec("kill -TERM $(cat /tmp/by-hand.pid)");
  await waitFor(
    async () =>
      (await machine.tryExec("pgrep -x redis-server")).code === 0 ? { done: false, missing: "its end" } : { done: true, value: undefined },
    { what: "the end of the server", timeoutMs: 60_000 },
  );
  expect((await project.up()).status.healthy).toBe(true);
});

test("two labs on one host: the purge of one leaves the other as it is", async () => {
  const other = await lab("second", false);
  second = await TestProject.create({
    ...other,
    hosts: other.hosts.map((host) => ({ ...host, instances: [7001] })),
    redis: { ...other.redis, prefix: "/apps/second" },
    layout: { kind: "replication", master: "redis-18:7001", replicas: ["redis-28:7001"] },
  });
  expect((await second.up()).status.healthy).toBe(true);
  const down = await project.run("down", ["--purge", "--yes"]);
  expect(down.code).toBe(0);
  const plan = await second.plan();
  // The links in /usr/bin were the first one's, and are free now.
  expect(plan.hosts.flatMap(({ changes }) => changes.map(({ step }) => step)).filter((step) => step !== "install")).toEqual([]);
  expect((await second.status()).healthy).toBe(true);
  expect(await rig.machine("redis-28").exec("sysctl -n net.core.somaxconn; systemctl is-active redis-7001")).toBe("512\nactive\n");
  expect((await second.run("down", ["--purge", "--yes"])).code).toBe(0);
});

test("after the purge the machines are as they were, and so is the kernel of a host that had one lab", async () => {
  // The folder above both prefixes was made by the lab that went first, while the other was still in it.
  const stays = (lines: readonly string[] | undefined) =>
    lines?.filter((line) => !/\/usr\/local\/bin\/redis-server|root:root \/apps $/.test(line));
  const now = await rig.each((machine) => leftBehind(machine));
  expect(now.map(stays)).toEqual(bare);
  expect(await rig.machine("redis-38").exec("sysctl -n net.core.somaxconn")).toBe(somaxconn);
});

test("a Redis of the distribution is refused by name before anything is touched, whatever it listens on", async () => {
  const machine = rig.machine("redis-28");
  await machine.exec(`mkdir -p /etc/redis && cat > /lib/systemd/system/redis-server.service <<'END'\n${DISTRIBUTION}END`);
  for (const bind of ["127.0.0.1", "0.0.0.0"]) {
    await machine.exec(`printf 'bind ${bind}\\nprotected-mode no\\ndir /tmp\\nsave ""\\n' > /etc/redis/redis.conf`);
    await machine.exec("systemctl daemon-reload; systemctl enable --quiet redis-server; systemctl restart redis-server");
    await machine.exec("[ -L /etc/systemd/system/redis.service ]");
    const pid = (await machine.exec("systemctl show -p MainPID --value redis-server")).trim();
    const before = await rig.each((each) => leftBehind(each));
    for (const verb of ["plan", "up"]) {
      const { code, stdout, stderr } = await project.run(verb);
      const output = stdout + stderr;
      expect([verb, code]).toEqual([verb, 1]);
      expect(output).toContain(
        `redis-28:6379: redis.service is an alias of redis-server.service, which was not made by redis-lab (/lib/systemd/system/redis-server.service) and runs /usr/local/bin/redis-server (process ${pid}).`,
      );
      expect(output).toMatch(
        /redis-28:6379: port 6379 of \S.* is taken by redis-server \(process \d+, \/usr\/local\/bin\/redis-server, redis-server\.service\)/,
      );
      expect(output).not.toMatch(/flush/i);
    }
    expect((await project.run("down", ["--purge", "--yes"])).code).toBe(0);
    expect(await rig.each((each) => leftBehind(each))).toEqual(before);
    expect(await machine.exec("systemctl show -p MainPID --value redis-server")).toBe(`${pid}\n`);
    expect(await machine.exec("cat /etc/redis/redis.conf")).not.toMatch(/slaveof|replicaof|CONFIG REWRITE/);
  }
  await machine.exec("systemctl disable --quiet --now redis-server");
  const plan = await project.plan();
  expect(plan.hosts.flatMap(({ refusals }) => refusals)).toEqual([]);
});
