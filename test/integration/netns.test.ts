import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { UserIds } from "../../lib/base/process.ts";
import { waitFor } from "../../lib/base/wait.ts";
import { socketHex } from "../../lib/connection/socket-owner.ts";
import { findHolders } from "../../lib/netns/find-holders.ts";
import { clusterInput, sentinelInput } from "../support/labs.ts";
import { type CliOptions, type CliResult, changedOf, makeProject, processesIn, type TestProject, testRedis } from "../support/project.ts";
import { hasStranger, STRANGER } from "../support/stranger.ts";

// Labs whose hosts are network namespaces, by a user without any right: where the tests run as root, the command line runs as another user.

const PLAIN: UserIds | undefined = process.getuid?.() === 0 ? { uid: 61_100, gid: 61_100 } : undefined;
const cluster = clusterInput({ redis: testRedis() });
const sentinel = sentinelInput({ redis: testRedis() });
const ON = ["--target", "netns"] as const;
let project: TestProject;

beforeAll(async () => {
  project = await makeProject({ user: PLAIN });
  await project.write(cluster, sentinel);
});
afterAll(() => project.remove());

/** A program in the network of a lab. */
function inside(lab: string, host: string | undefined, command: readonly string[], options?: CliOptions): Promise<CliResult> {
  return project.run(["shell", ...ON, lab, ...(host === undefined ? [] : [host]), "--", ...command], options);
}

/** A holder of a lab of this project. */
async function holderOf(lab: string): Promise<number | undefined> {
  const folder = join(project.folder, ".redis-lab", lab, "netns");
  return (await findHolders()).find((each) => each.folder === folder)?.pid;
}

async function endOf(what: () => Promise<number>): Promise<void> {
  await waitFor(async () => ((await what()) === 0 ? { done: true, value: 0 } : { done: false, missing: `the end of ${await what()}` }), {
    what: "processes to end",
    timeoutMs: 60_000,
    intervalMs: 50,
  });
}

const output = ({ stdout, stderr }: CliResult) => stdout + stderr;

describe("two labs with the same addresses", () => {
  test("come up side by side, and a second up changes nothing", async () => {
    const [first, second] = await Promise.all([project.ok(["up", "cluster", ...ON]), project.ok(["up", "sentinel", ...ON])]);
    expect(first.stdout).toContain("cluster on netns: healthy");
    expect(first.stdout).toContain("192.168.1.18:6379");
    expect(second.stdout).toContain("sentinel on netns: healthy");
    expect(changedOf(await project.ok(["up", "cluster"]))).toBe(0);
    const { stdout } = await project.ok(["list"]);
    expect(stdout).toMatch(/^cluster +netns +up .* 8 of 8 /m);
    expect(stdout).toMatch(/^sentinel +netns +up .* 6 of 6 /m);
    const { labs } = JSON.parse((await project.ok(["list", "--json", "--all"])).stdout) as { labs: { folder: string; running: number }[] };
    expect(labs.filter(({ folder }) => folder === project.folder).map(({ running }) => running)).toEqual([8, 6]);
  });

  test("answer to the verbs, each for itself", async () => {
    expect((await project.ok(["cluster", "check", "cluster"])).stdout).toContain("every slot has an owner");
    expect((await project.ok(["doctor", "cluster"])).stdout).toContain("cluster on netns: 0 problems");
    await project.ok(["cli", "cluster", "redis-18", "-c", "set", "greeting", "of the cluster"]);
    expect((await project.ok(["cli", "cluster", "redis-28", "-c", "get", "greeting"])).stdout).toContain("of the cluster");
    expect((await project.ok(["cli", "sentinel", "redis-18", "exists", "greeting"])).stdout).toBe("0\n");
    const executed = await project.ok(["exec", "sentinel", "--", "hostname -I 2>/dev/null; ip -o -4 addr show eth0"]);
    expect(executed.stdout).toContain("192.168.1.28/24");
    expect((await project.ok(["ssh", "cluster", "redis-38", "pwd; ip -o -4 addr show eth0"])).stdout).toMatch(
      /cluster\/netns\/hosts\/redis-38\/apps\/redis\n.*192\.168\.1\.38\/24/,
    );
    expect((await project.ok(["logs", "sentinel", "redis-18"])).stdout).toMatch(/Ready to accept|monitor master/);
    await project.ok(["kill", "cluster", "redis-78:6380"]);
    await project.ok(["start", "cluster", "redis-78:6380"]);
    await project.ok(["cluster", "failover", "cluster", "redis-58"]);
    await project.ok(["failover", "sentinel"]);
  });

  test("reach each other's hosts as little as anything else", async () => {
    // Only the cluster has a host at .48.
    const ping = ["sh", "-c", "redis-cli -h 192.168.1.48 ping 2>&1; redis-cli -h 192.168.1.28 ping 2>&1"];
    expect((await inside("cluster", undefined, ping)).stdout).toMatch(/NOAUTH[\s\S]*NOAUTH/);
    const other = (await inside("sentinel", undefined, ping)).stdout;
    expect(other).toMatch(/No route to host/);
    expect(other.match(/NOAUTH/g)).toHaveLength(1);
  });

  test("can't be reached from outside, as nothing of theirs listens there", async () => {
    const tables = await Promise.all(["tcp", "tcp6"].map((table) => readFile(`/proc/net/${table}`, "latin1").catch(() => "")));
    expect(tables.join("")).not.toContain(` ${socketHex("192.168.1.18", 6379)} `);
    // Some network may well have a computer with this address; it is none of ours.
    const socket = connect({ host: "192.168.1.18", port: 6379 });
    let heard = "";
    socket.on("data", (chunk: Buffer) => (heard += chunk.toString("latin1")));
    socket.on("error", () => {});
    socket.setTimeout(2_000, () => socket.destroy());
    socket.write("PING\r\n");
    await once(socket, "close");
    expect(heard).not.toMatch(/NOAUTH|PONG/);
  });

  test.runIf(hasStranger)("let no other user in", async () => {
    const pid = await holderOf("cluster");
    const stranger = { uid: STRANGER, gid: STRANGER, cwd: "/", encoding: "utf8" } as const;
    const entered = spawnSync("nsenter", ["--target", String(pid), "--user", "--preserve-credentials", "--net", "id"], stranger);
    expect([entered.status, entered.stdout]).toEqual([1, ""]);
    const read = spawnSync(
      "cat",
      [`/proc/${pid}/root/run/netns/redis-18`, join(project.folder, ".redis-lab/cluster/secrets.json")],
      stranger,
    );
    expect(read.stderr.match(/Permission denied/g)).toHaveLength(2);
  });

  test("are entered by programs of the user, with their input, folder and exit code", async () => {
    const client = await inside("cluster", undefined, ["sh", "-c", "cat; pwd; ip -o -4 addr show eth0; exit 7"], { input: "typed\n" });
    expect(client.code).toBe(7);
    expect(client.stdout).toMatch(new RegExp(`^typed\n${project.folder}\n.*192\\.168\\.1\\.254/24`));
    expect((await inside("cluster", "redis-68", ["ip", "-o", "-4", "addr", "show", "eth0"])).stdout).toContain("192.168.1.68/24");
    expect((await inside("cluster", "redis-6", ["true"])).stderr).toContain('no host "redis-6"');
    const local = await project.run(["shell", "--target", "local", "cluster"]);
    expect(local.code).toBe(64);
    expect(local.stderr).toContain("redis-lab ssh --target local cluster redis-18");
  });

  test("keep what was backed up", async () => {
    const folder = join(project.folder, ".home", "backup");
    await project.ok(["cluster", "backup", "cluster", folder]);
    await project.ok(["rebuild", "cluster", "--yes"]);
    await project.ok(["cluster", "restore", "cluster", folder]);
    expect((await project.ok(["cli", "cluster", "redis-18", "-c", "get", "greeting"])).stdout).toContain("of the cluster");
  });
});

describe("the process that holds a network", () => {
  test("takes all of the lab along when it is killed, which every look then says, and up makes it again", async () => {
    await project.ok(["exec", "cluster", "--", "true"]);
    const pid = await holderOf("cluster");
    if (pid === undefined) throw new Error("no holder was found");
    process.kill(pid, "SIGKILL");
    const folder = join(project.folder, ".redis-lab/cluster/");
    await endOf(async () => (await processesIn(project.folder)).filter(({ command }) => command.includes(folder)).length);
    const status = await project.run(["status", "cluster"]);
    expect(status.code).toBe(1);
    expect(status.stdout).toMatch(/The lab is down[\s\S]*redis-lab up cluster/);
    expect((await project.run(["list"])).stdout).toMatch(/0 of 8[\s\S]*redis-lab up cluster starts the rest/);
    expect((await project.run(["doctor", "cluster"])).stdout).toContain("redis-lab up cluster");
    const entered = await inside("cluster", undefined, ["true"]);
    expect([entered.code, entered.stderr]).toEqual([1, expect.stringContaining("the lab is down")]);
    expect((await project.ok(["plan", "cluster"])).stdout).toContain("8 to change");
    expect((await project.ok(["up", "cluster"])).stdout).toContain("cluster on netns: healthy");
    expect((await project.ok(["cli", "cluster", "redis-18", "-c", "get", "greeting"])).stdout).toContain("of the cluster");
  });

  test("is made by start, too", async () => {
    process.kill((await holderOf("sentinel")) ?? 0, "SIGKILL");
    await project.ok(["start", "sentinel", "redis-18"]);
    expect((await project.run(["list"])).stdout).toMatch(/2 of 6/);
    await project.ok(["up", "sentinel"]);
  });

  test("is gone after down, and nothing is left after a purge", async () => {
    await project.ok(["down", "cluster"]);
    expect(await holderOf("cluster")).toBeUndefined();
    expect((await project.run(["cli", "cluster", "redis-18", "ping"])).stderr).toContain("nothing listens there");
    await project.ok(["down", "sentinel", "--purge", "--yes"]);
    await project.ok(["down", "cluster", "--purge", "--yes", ...ON]);
    await endOf(async () => (await processesIn(project.folder)).length);
    expect(await readFile("/proc/self/mountinfo", "utf8")).not.toContain(project.folder);
    for (const lab of ["cluster", "sentinel"]) {
      const left = await readdir(join(project.folder, ".redis-lab", lab, "netns"));
      expect(left.filter((name) => name !== "lock")).toEqual([]);
    }
  });

  test.each([/^lab network changed/, /^redis-28 folders changed/, /^redis-28 install changed/, /^redis-38 start changed/])(
    "outlives an up that is killed at %s no further than the next up or down knows",
    async (moment) => {
      const { code } = await project.run(["up", "sentinel", ...ON], {
        onLine: (line, child) => {
          if (moment.test(line)) child.kill("SIGKILL");
        },
      });
      expect(code).toBeNull();
      if (moment.source.includes("install")) await project.ok(["down", "sentinel", "--purge", "--yes", ...ON]);
      else expect((await project.ok(["up", "sentinel", ...ON])).stdout).toContain("sentinel on netns: healthy");
      await project.ok(["down", "sentinel", "--purge", "--yes", ...ON]);
      await endOf(async () => (await processesIn(project.folder)).length);
    },
  );

  test("is found when the files of its lab were deleted while it ran", async () => {
    await project.ok(["up", "sentinel", ...ON]);
    await rm(join(project.folder, ".redis-lab"), { recursive: true });
    expect((await project.run(["list"])).stdout).toContain("redis-lab down sentinel --target netns --orphans");
    const { stdout } = await project.ok(["down", "sentinel", "--orphans", "--yes", ...ON]);
    expect(stdout).toContain("redis-18");
    await endOf(async () => (await processesIn(project.folder)).length);
  });
});

test("a file system of bounded size is full when it is full, and gone with down", async () => {
  await project.write({ ...sentinel, netns: { disk: "2mb" } });
  await project.ok(["up", "sentinel", ...ON]);
  const filled = await project.run(["exec", "sentinel", "--", "head -c 4000000 /dev/zero > data/filler; df -Pk data | tail -n 1"]);
  expect(filled.stdout).toMatch(/redis-18 \| redis-lab +2048 +2048 +0 +100%/);
  expect(output(filled)).toContain("No space left on device");
  await project.ok(["exec", "sentinel", "--", "rm data/filler"]);
  await project.ok(["down", "sentinel"]);
  expect(await readdir(join(project.folder, ".redis-lab/sentinel/netns/hosts/redis-18/apps/redis/data"))).toEqual([]);
  await project.write(sentinel);
  await project.ok(["up", "sentinel"]);
  await project.ok(["down", "sentinel"]);
  await project.write({ ...sentinel, netns: { disk: "2mb" } });
  const refused = await project.run(["up", "sentinel"]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("holds files")]);
  await project.ok(["down", "sentinel", "--purge", "--yes"]);
  await project.write(cluster, sentinel);
});

describe("where namespaces can't be made, nothing is touched and both ways out are named", () => {
  const untouched = async () => {
    const left = await readdir(join(project.folder, ".redis-lab/cluster/netns")).catch(() => []);
    expect(left.filter((name) => name !== "lock")).toEqual([]);
  };

  test("by an unshare that fails", async () => {
    const bin = join(project.folder, "bin");
    await mkdir(bin);
    await writeFile(join(bin, "unshare"), "#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2\nexit 1\n");
    await chmod(join(bin, "unshare"), 0o755);
    const { code, stderr } = await project.run(["up", "cluster", ...ON], { env: { PATH: `${bin}:${process.env["PATH"]}` } });
    expect(code).toBe(1);
    expect(stderr).toContain("unshare failed: Operation not permitted");
    expect(stderr).toContain("redis-lab up cluster --target local");
    await untouched();
  });

  test("by a kernel that allows none", async () => {
    // A setting of each user namespace: this one is of the test's own.
    const labs = join(project.folder, "stacks/labs.mjs");
    // Named, as root owns /tmp and is unknown in there.
    const { child, result } = project.start(["up", "cluster", ...ON, "--labs", labs], {
      before: ["unshare", "--user", "--map-root-user", "sh", "-c", 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"', "sh"],
    });
    const { code, stderr } = await result;
    expect([child.exitCode, code]).toEqual([1, 1]);
    expect(stderr).toContain("user.max_user_namespaces is 0");
    expect(stderr).toContain("sudo sysctl -w user.max_user_namespaces=");
    expect(stderr).toContain("redis-lab up cluster --target local");
    await untouched();
  });
});
