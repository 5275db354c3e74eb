import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { DoctorReport } from "../../lib/operations/doctor/doctor.ts";
import { type Rig, SEVEN, startMachines } from "./rig/rig.ts";
import { expectCluster } from "./support/expect-layout.ts";
import { clusterOn } from "./support/labs.ts";
import { leftBehind, writtenSince } from "./support/machine-files.ts";
import { sharedCache, TestProject } from "./support/project.ts";
import { currentValue } from "./support/value.ts";

// From bare machines without a compiler to a working cluster, everything that a user may do to it afterwards, and back to bare machines. As root.

// A cache that is kept between runs spares the compile while one works on these tests.
const isEmptyCache = process.env["REDIS_LAB_TEST_CACHE"] === undefined;

let rig: Rig;
let cache: string;
let project: TestProject;
let bareFiles: Awaited<ReturnType<typeof leftBehind>>[];

beforeAll(async () => {
  rig = await startMachines({ bare: true });
  cache = isEmptyCache ? await mkdtemp(join(tmpdir(), "redis-lab-cache-")) : sharedCache();
  project = await TestProject.create(await clusterOn(rig, "7.0.15"), cache);
  bareFiles = await rig.each((machine) => leftBehind(machine));
});

afterAll(async () => {
  await project?.remove();
  await rig?.stop();
  if (isEmptyCache && cache !== undefined) await rm(cache, { recursive: true, force: true });
});

function backupFolder(): string {
  return join(project.folder, "backup");
}

test("plan shows it all, and touches nothing", async () => {
  const before = await rig.each((machine) => writtenSince(machine));
  const plan = await project.run("plan");
  expect(plan.code).toBe(0);
  const building = ["install gcc", "install libsystemd-dev", "compile Redis 7.0.15"];
  for (const text of [
    ...(isEmptyCache ? building : []),
    "set net.core.somaxconn to 512",
    "write /etc/systemd/system/redis-lab-thp-cluster.service",
    "enable redis-lab-thp-cluster.service for the next boots",
    "set transparent huge pages to never",
    "make user and group redis",
    "make /apps/redis/etc",
    "change /etc/hosts",
    "install Redis 7.0.15",
    "link /usr/bin/redis-cli",
    "write /apps/redis/etc/redis-6380.conf",
    "write /etc/systemd/system/redis.service",
    "enable redis-6380.service",
    "start redis-78:6380",
    "create the cluster of 6 instances",
  ]) {
    expect(plan.stdout).toContain(text);
  }
  expect(plan.stdout.match(/compile Redis/g) ?? []).toHaveLength(isEmptyCache ? 1 : 0);
  expect(plan.stdout).not.toMatch(/requirepass [A-Za-z0-9_-]{32}/);
  expect((await project.run("plan", ["--exit-code"])).code).toBe(2);
  expect(await rig.each((machine) => writtenSince(machine))).toEqual(before);
});

test("up makes a working cluster of bare machines: compiled once, shipped to the rest", async () => {
  const up = await project.run("up");
  console.log(`cluster with packages and compile: ${up.seconds.toFixed(1)} s`);
  expect(up.output).toContain("healthy");
  expect(up.code).toBe(0);
  expect(up.stderr.match(/ build changed/g) ?? []).toHaveLength(isEmptyCache ? 1 : 0);
  expect(up.stderr.match(/ install changed/g)).toHaveLength(7);
  expect(up.stdout).toMatch(/proved {2}SET and GET in each of 3 shards/);
  await project.shareCache();
  await expectCluster(project);
  const sums = await rig.each((machine) => machine.exec("sha256sum < /apps/redis/bin/redis-server"));
  expect(new Set(sums).size).toBe(1);
  const compilers = await rig.each(async (machine) => (await machine.tryExec("command -v gcc")).code === 0);
  expect(compilers.filter(Boolean)).toHaveLength(isEmptyCache ? 1 : 0);
});

test("every machine is as the lab says", async () => {
  for (const machine of Object.values(rig.machines)) {
    const units = machine.name === "redis-78" ? ["redis", "redis-6380"] : ["redis"];
    for (const unit of units) {
      expect(await machine.exec(`systemctl is-enabled ${unit}; systemctl is-active ${unit}`)).toBe("enabled\nactive\n");
      const pid = (await machine.exec(`systemctl show -p MainPID --value ${unit}`)).trim();
      expect(await machine.exec(`stat -c %U /proc/${pid}; readlink /proc/${pid}/exe`)).toMatch(
        /^redis\n\/apps\/redis\/builds\/[0-9a-f]{16}\/redis-server\n$/,
      );
    }
    expect(await machine.exec("stat -c '%a %U:%G %n' /apps/redis /apps/redis/* /apps/redis/etc/* /apps/redis/.redis-lab | sort -k3")).toBe(
      [
        "755 root:root /apps/redis",
        "700 root:root /apps/redis/.redis-lab",
        "777 root:root /apps/redis/bin",
        "755 root:root /apps/redis/builds",
        "750 redis:redis /apps/redis/data",
        "750 redis:redis /apps/redis/etc",
        ...[...units.map((unit) => `${unit}.conf`), ...units.map((unit) => `${unit === "redis" ? "redis-6379" : unit}-before-start.sh`)]
          .map((file) => `640 redis:redis /apps/redis/etc/${file}`)
          .sort(),
        "750 redis:redis /apps/redis/logs",
        "755 redis:redis /apps/redis/run",
        "",
      ].join("\n"),
    );
    expect(await machine.exec("readlink -f /usr/bin/redis-cli /usr/bin/redis-server")).toMatch(
      /^(\/apps\/redis\/builds\/[0-9a-f]{16}\/redis-(cli|server)\n){2}$/,
    );
    expect(await machine.exec("redis-cli --version")).toContain("7.0.15");
    expect(await machine.exec("sysctl -n net.core.somaxconn vm.overcommit_memory")).toBe("512\n1\n");
    expect(await machine.exec("cat /sys/kernel/mm/transparent_hugepage/enabled")).toBe("never\n");
    expect(await machine.exec("systemctl is-enabled redis-lab-thp-cluster; systemctl show -p After --value redis")).toMatch(
      /^enabled\n(?!.*rc-local).*\bredis-lab-thp-cluster\.service\b/,
    );
    expect(await machine.exec("grep -cE '^192.168.1.[1-7]8 redis-[1-7]8$' /etc/hosts")).toBe("7\n");
    expect(await machine.exec("getent passwd redis")).toMatch(/:\/usr\/sbin\/nologin\n$/);
    expect(
      await machine.exec(
        "find /apps /etc /usr/bin /tmp /var/tmp \\( -name '*.tmp*' -o -name '*.part*' -o -name 'redis-lab-*' \\) | grep -vE 'systemd-private|^/etc/logrotate.d/redis-lab-cluster$|/redis-lab-thp-cluster.service$' || :",
      ),
    ).toBe("");
  }
});

test("doctor finds what such machines lack, and nothing else", async () => {
  const doctor = await project.run("doctor", ["--json"]);
  const { findings } = JSON.parse(doctor.stdout) as DoctorReport;
  // A container's limit of open files may be too low for 65535 clients; that is all there is to find.
  const limits = await rig.machine("redis-18").exec("cat /proc/$(systemctl show -p MainPID --value redis)/limits");
  const enough = Number(/^Max open files +(\d+)/m.exec(limits)?.[1]) >= 65_535 + 32;
  const found = findings.filter(({ check, severity }) => severity !== "note" && check !== "open-files");
  expect(found).toEqual([]);
  expect(findings.filter(({ check }) => check === "open-files")).toHaveLength(enough ? 0 : 8);
  expect(doctor.code).toBe(0);
});

test("a second up changes nothing, and writes nothing", async () => {
  const before = await rig.each((machine) => writtenSince(machine));
  const second = await project.run("up");
  console.log(`second up: ${second.seconds.toFixed(2)} s`);
  expect(second.stdout).toContain("\n0 changed\n");
  expect(second.code).toBe(0);
  expect(await rig.each((machine) => writtenSince(machine))).toEqual(before);
  expect((await project.run("plan", ["--exit-code"])).code).toBe(0);
});

test("logs, ssh and cli reach the machines", async () => {
  const logs = await project.run("logs", ["redis-18", "--lines", "3"]);
  expect(logs.stdout.trimEnd().split("\n")).toHaveLength(3);
  expect(logs.code).toBe(0);
  const ssh = await project.run("ssh", ["redis-28", "hostname;", "id", "-un"]);
  expect(ssh.output).toBe("redis-28\nroot\n");
  expect((await project.run("ssh", ["redis-28", "exit", "7"])).code).toBe(7);
  expect(await project.redis("redis-78:6380", "cluster", "info")).toContain("cluster_known_nodes:1");
  expect(await project.redis("redis-18", "set", "foo", "bar")).toBe("MOVED 12182 192.168.1.38:6379");
  const typed = await project.run("cli", ["redis-38"], { input: 'set foo "a b"\nget foo\nstrlen foo\n' });
  expect(typed.stdout).toBe("OK\na b\n3\n");
});

test("a machine rebooted: everything is back, and up has nothing to do", async () => {
  await rig.machine("redis-28").reboot();
  await expectBack();
});

test("all machines lose their power: everything is back, and up has nothing to do", async () => {
  // What was written since the last snapshot is lost with the power (`save 5 1`): the key has to be on every disk first.
  for (const holder of ["redis-38", "redis-48"]) {
    await vi.waitFor(async () => expect(await project.redis(holder, "info", "persistence")).toContain("rdb_changes_since_last_save:0"), {
      timeout: 120_000,
    });
  }
  await rig.each((machine) => machine.powerCut());
  await rig.each((machine) => machine.start());
  await expectBack();
  expect(await currentValue(project, "foo")).toBe("a b");
});

/** Whichever instance is the master now: the boot settings are there, the cluster heals by itself, and `up` finds nothing to do. */
async function expectBack(): Promise<void> {
  await rig.each((machine) => machine.exec("systemctl is-system-running --wait"));
  const up = await project.up();
  expect(up.changed).toBe(0);
  expect(up.status.healthy).toBe(true);
  await rig.each(async (machine) => {
    expect(await machine.exec("sysctl -n net.core.somaxconn vm.overcommit_memory; cat /sys/kernel/mm/transparent_hugepage/enabled")).toBe(
      "512\n1\nnever\n",
    );
  });
}

test("a backup comes through SSH", async () => {
  const backup = await project.run("cluster backup", [backupFolder()]);
  // Either may be the master since the machines came back, each at its own time.
  expect(backup.output).toMatch(/redis-[34]8/);
  expect(backup.code).toBe(0);
  expect((await readdir(backupFolder())).filter((name) => name.endsWith(".rdb"))).toHaveLength(3);
});

test("rebuild wipes the data and compiles nothing", async () => {
  const rebuild = await project.run("rebuild", ["--yes"]);
  console.log(`rebuild: ${rebuild.seconds.toFixed(1)} s`);
  expect(rebuild.code).toBe(0);
  expect(rebuild.stderr).not.toMatch(/ (build|install|packages) started/);
  await expectCluster(project);
  expect(await project.redis("redis-38", "get", "foo")).toBe("");
});

test("the backup is restored through SSH", async () => {
  const restore = await project.run("cluster restore", [backupFolder()]);
  console.log(`restore: ${restore.seconds.toFixed(1)} s\n${restore.output}`);
  expect(restore.code).toBe(0);
  expect(await project.redis("redis-38", "get", "foo")).toBe("a b");
});

test("down stops everything without losing a key, and up brings it back", async () => {
  expect(await project.redis("redis-38", "set", "foo", "kept")).toBe("OK");
  const down = await project.run("down");
  expect(down.stdout).toContain("8 stopped");
  expect(down.code).toBe(0);
  expect(await rig.each((machine) => machine.tryExec("pgrep redis-server"))).toEqual(SEVEN.map(() => expect.objectContaining({ code: 1 })));
  const up = await project.up();
  expect(up.status.healthy).toBe(true);
  expect(await currentValue(project, "foo")).toBe("kept");
});

test("down --purge leaves the machines as they were", async () => {
  const down = await project.run("down", ["--purge", "--yes"]);
  expect(down.output).not.toContain("failed");
  expect(down.code).toBe(0);
  // The user and the packages stay, as documented.
  expect(await rig.each((machine) => leftBehind(machine))).toEqual(bareFiles);
  await rig.each(async (machine) => {
    expect((await machine.tryExec("systemctl cat redis.service")).code).not.toBe(0);
    expect(await machine.exec("systemctl --failed --no-legend | cat")).toBe("");
  });
});
