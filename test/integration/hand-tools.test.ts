import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { readFile, realpath, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { MAIN, makeProject, processesIn, smallReplication, smallSentinel, type TestProject } from "../support/project.ts";
import { onTerminal } from "../support/terminal.ts";

// The tools a hand reaches for: which labs there are, one instance stopped, started and killed, a command on all hosts, all logs as one, variables for clients, redis-cli itself.

const lab = smallReplication();
const never = smallSentinel();
const network = lab.network.loopback.replace(/\.0\/24$/, "");
let project: TestProject;

beforeAll(async () => {
  project = await makeProject();
  await project.write(lab, never);
  await project.ok(["up", "replication"]);
});
afterAll(() => project.remove());

const has = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
const document = async (...args: readonly string[]) => JSON.parse((await project.run([...args, "--json"])).stdout);
const listed = async (name: string, ...options: readonly string[]) =>
  (await document("list", ...options)).labs.filter(
    (each: { lab: string; folder: string }) => each.lab === name && each.folder === project.folder,
  );
const hostFolder = (host: string) => join(project.folder, ".redis-lab/replication/local/hosts", host, "apps/redis");
const pidOf = async (host: string) => Number(await readFile(join(hostFolder(host), "run/redis-6379.pid"), "utf8"));
/** A zombie that nobody has waited for does not. */
const runs = (pid: number) => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));

test("list tells what is up, since when, and what runs; --all finds it from another folder", async () => {
  const [up] = await listed("replication");
  expect(up).toMatchObject({ target: "local", state: "up", layout: "replication", running: 3, instances: 3, note: "" });
  expect(Date.parse(up.since)).toBeGreaterThan(Date.now() - 600_000);
  // A second `up` is no other beginning.
  await project.ok(["up", "replication"]);
  expect((await listed("replication"))[0].since).toBe(up.since);
  expect(await listed("sentinel")).toEqual([expect.objectContaining({ state: "new", running: 0, instances: 6 })]);
  expect((await project.ok(["list"])).stdout).toMatch(/^LAB .*\nreplication +local +up +\d+ \w+ ago +3 of 3 /);
  const elsewhere = JSON.parse(
    execFileSync(process.execPath, [MAIN, "list", "--all", "--json"], { cwd: "/", encoding: "utf8" }),
  ).labs.filter((each: { folder: string }) => each.folder === project.folder);
  expect(elsewhere).toEqual([expect.objectContaining({ lab: "replication", state: "up", since: up.since, running: 3, instances: 3 })]);
});

test("stop ends one instance and saves, status and list show it, start brings it back with its data", async () => {
  await project.call(lab, "redis-28:6379", "CONFIG", "SET", "save", "");
  await project.call(lab, "redis-18:6379", "CONFIG", "SET", "save", "3600 1");
  await project.call(lab, "redis-18:6379", "SET", "kept", "yes");
  const pids = await Promise.all(["redis-18", "redis-28", "redis-38"].map(pidOf));
  const stopped = await document("stop", "replication", "redis-18");
  expect(stopped).toMatchObject({
    lab: "replication",
    target: "local",
    action: "stop",
    instances: [{ instance: "redis-18:6379", before: pids[0] }],
  });
  expect(pids.map(runs)).toEqual([false, true, true]);
  const status = await project.run(["status", "replication"]);
  expect(status.code).toBe(1);
  expect(status.stdout).toMatch(/^redis-18 .*master \(down\)/m);
  expect((await listed("replication"))[0]).toMatchObject({ state: "up", running: 2, note: "redis-lab up replication starts the rest" });
  expect((await project.ok(["stop", "replication", "redis-18"])).stdout).toContain("redis-18:6379 did not run");
  const started = await project.ok(["start", "replication", "redis-18:6379"]);
  expect(started.stdout).toContain(`redis-18:6379 runs: process ${await pidOf("redis-18")}`);
  expect(await project.call(lab, "redis-18:6379", "GET", "kept")).toBe("yes");
  expect((await project.ok(["start", "replication", "redis-18"])).stdout).toContain("ran already");
});

test("kill is the accident: nothing is saved, nobody else is touched, and it does not wait for the lab's lock", async () => {
  await project.call(lab, "redis-38:6379", "CONFIG", "SET", "save", "3600 1000000");
  const pids = await Promise.all(["redis-18", "redis-38"].map(pidOf));
  const lock = join(project.folder, ".redis-lab/replication/local/lock");
  const holder = spawn("flock", [lock, "sh", "-c", "echo held; read line"], { stdio: ["pipe", "pipe", "ignore"] });
  try {
    await once(holder.stdout, "data");
    expect((await project.run(["stop", "replication", "redis-38"])).stderr).toContain('Another redis-lab works on "replication"');
    const killed = await project.ok(["kill", "replication", "redis-38"]);
    expect(killed.stdout).toContain(`redis-38:6379 killed: process ${pids[1]} ended without saving`);
    expect(killed.stdout).toContain("Nothing starts it again but `redis-lab start replication redis-38:6379`");
  } finally {
    holder.stdin.end();
    await once(holder, "exit");
  }
  expect(pids.map(runs)).toEqual([true, false]);
  expect(await pidOf("redis-38")).toBe(pids[1]);
  expect((await project.ok(["kill", "replication", "redis-38"])).stdout).toContain("did not run: nothing was killed");
  expect((await project.ok(["restart", "replication", "redis-38"])).stdout).toContain("it did not run before");
});

test("a process whose number stands in the pid file and that is not ours is not touched", async () => {
  await project.ok(["stop", "replication", "redis-38"]);
  const stranger = spawn("sleep", ["600"]);
  try {
    await writeFile(join(hostFolder("redis-38"), "run/redis-6379.pid"), `${stranger.pid}\n`);
    expect((await project.ok(["kill", "replication", "redis-38"])).stdout).toContain("did not run");
    expect((await project.ok(["stop", "replication", "redis-38"])).stdout).toContain("did not run");
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
  } finally {
    stranger.kill();
  }
  await project.ok(["start", "replication", "redis-38"]);
});

test("an instance that was never brought up is refused, and one that is not there is wrong use", async () => {
  const absent = await project.run(["start", "sentinel", "redis-18:26379"]);
  expect(absent.stderr).toContain("redis-18:26379 is not installed");
  expect(absent.stderr).toContain("redis-lab up sentinel");
  expect(absent.code).toBe(1);
  expect((await project.run(["kill", "replication", "redis-18:1"])).code).toBe(64);
});

test("exec runs a command on all hosts or those of a role, and fails where one fails", async () => {
  const all = await project.ok(["exec", "replication", "--", "pwd; redis-cli --version"]);
  expect(
    all.stdout
      .split("\n")
      .filter((line) => line.includes("redis-cli "))
      .map((line) => line.split(" | ")[0]?.trim())
      .sort(),
  ).toEqual(["redis-18", "redis-28", "redis-38"]);
  expect(all.stdout).toContain(`redis-28 | ${hostFolder("redis-28")}`);
  const master = await project.ok(["exec", "replication", "--role", "master", "--", "echo $PPID >/dev/null; echo here"]);
  expect(master.stdout).toBe("redis-18 | here\n");
  const failed = await project.run(["exec", "replication", "--role", "replica", "--json", "--", "echo out; echo err >&2; exit 3"]);
  expect(failed.code).toBe(1);
  expect(JSON.parse(failed.stdout).hosts).toEqual(
    ["redis-28", "redis-38"].map((host) => ({ host, exitCode: 3, stdout: "out\n", stderr: "err\n" })),
  );
  expect((await project.run(["exec", "replication", "--role", "sentinel", "--", "true"])).stderr).toContain('No host of "replication"');
  expect((await project.run(["exec", "replication", "--at-once", "0", "--", "true"])).code).toBe(64);
});

test("logs --all is one log by time, and follows all of them", async () => {
  const { stdout } = await project.ok(["logs", "replication", "--all", "-n", "1000"]);
  const times = stdout.split("\n").flatMap((line) => {
    const found = /^redis-\d+:6379 \| \d+:\w (\d+ \w{3} (?:\d{4} )?[\d:.]+)/.exec(line)?.[1];
    return found === undefined ? [] : [Date.parse(`${found} UTC`)];
  });
  expect(times.length).toBeGreaterThan(30);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  const followed = project.start(["logs", "replication", "--all", "--follow", "-n", "1"]);
  let seen = "";
  followed.child.stdout?.on("data", (chunk) => (seen += chunk));
  await waitFor(async () => (seen === "" ? { done: false, missing: "the last line" } : { done: true, value: undefined }), {
    what: "the log",
    timeoutMs: 60_000,
  });
  await project.ok(["restart", "replication", "redis-28"]);
  await expect.poll(() => seen, { timeout: 60_000 }).toMatch(/redis-28:6379 \| .*Ready to accept connections/);
  followed.child.kill("SIGINT");
  expect((await followed.result).code).toBe(130);
  expect((await project.run(["logs", "replication"])).code).toBe(64);
});

test("what follows the logs ends with redis-lab, also where that was killed", async () => {
  const tails = () =>
    spawnSync("ps", ["-eo", "args"], { encoding: "utf8" })
      .stdout.split("\n")
      .filter((line) => line.startsWith("tail ") && line.includes(project.folder));
  for (const words of [["--all"], ["redis-18"]]) {
    const { child, result } = project.start(["logs", "replication", ...words, "--follow", "-n", "1"]);
    await expect.poll(tails, { timeout: 60_000 }).not.toEqual([]);
    child.kill("SIGKILL");
    await result;
    await expect.poll(tails, { timeout: 60_000 }).toEqual([]);
  }
});

test("env makes other clients work, and shows the password where it is asked for alone", async (context) => {
  const password = await project.password("replication");
  const bin = join(hostFolder("redis-18"), "bin");
  const evaluated = execFileSync(
    "sh",
    [
      "-c",
      `eval "$(${process.execPath} ${MAIN} env replication)"; ${JSON.stringify(bin)}/redis-cli -h $REDIS_HOST -p $REDIS_PORT role; echo $REDIS_NODES; echo $REDIS_URL`,
    ],
    { cwd: project.folder, encoding: "utf8" },
  );
  expect(evaluated).toMatch(/^master\n/);
  expect(evaluated).toContain([18, 28, 38].map((number) => `${network}.${number}:6379`).join(","));
  expect(evaluated).toContain(`:${password}@${network}.18:6379`);
  const shown = (await project.ok(["env", "replication", "--json"])).stdout;
  expect(shown).not.toContain(password);
  expect(JSON.parse(shown)).toMatchObject({ variables: { REDIS_HOST: `${network}.18` }, hidden: ["REDISCLI_AUTH", "REDIS_URL"] });
  expect(JSON.parse((await project.ok(["env", "replication", "--json", "--secrets"])).stdout).variables.REDISCLI_AUTH).toBe(password);
  if (!has("script")) return context.skip();
  const typed = await onTerminal(`${process.execPath} ${MAIN} env replication`, { cwd: project.folder });
  expect(typed).not.toContain(password);
  expect(typed).toContain("--secrets shows them");
});

/** A redis-cli that is as old as that of 4.0, in one respect: it reads no password from the environment. */
async function withOldRedisCli(host: string, work: () => Promise<void>): Promise<void> {
  const file = await realpath(join(hostFolder(host), "bin/redis-cli"));
  const program = await readFile(file);
  // That of 4.0 itself has none, and its help does not name it either.
  const old = Buffer.from(program);
  for (let at = old.indexOf("REDISCLI_AUTH"); at !== -1; at = old.indexOf("REDISCLI_AUTH")) old.write("REDISCLI_NONE", at);
  try {
    await rm(file);
    await writeFile(file, old, { mode: 0o755 });
    await work();
  } finally {
    await rm(file);
    await writeFile(file, program, { mode: 0o755 });
  }
}

test("cli leaves options and commands without an end to the lab's redis-cli, which never has the password among its words", async () => {
  const password = await project.password("replication");
  const set = await project.ok(["cli", "replication", "redis-18", "-x", "set", "blob"], { input: "from a pipe" });
  expect(set.stdout).toBe("OK\n");
  expect((await project.ok(["cli", "replication", "redis-18", "--raw", "get", "blob"])).stdout).toBe("from a pipe\n");
  const watch = async () => {
    const monitor = project.start(["cli", "replication", "redis-28", "monitor"]);
    let seen = "";
    monitor.child.stdout?.on("data", (chunk) => (seen += chunk));
    await expect.poll(() => seen, { timeout: 60_000 }).toContain("OK");
    const clis = (await processesIn(project.folder)).filter(({ command }) => /redis-cli .*monitor/.test(command));
    expect(clis).toHaveLength(1);
    expect(clis[0]?.command).not.toContain(password);
    await project.call(lab, "redis-28:6379", "ECHO", "watched");
    await expect.poll(() => seen, { timeout: 60_000 }).toContain('"watched"');
    // As a terminal does, to both.
    for (const { pid } of clis) process.kill(pid, "SIGINT");
    await monitor.result;
  };
  await watch();
  await withOldRedisCli("redis-28", async () => {
    expect((await project.ok(["cli", "replication", "redis-28", "--raw", "get", "blob"])).stdout).toBe("from a pipe\n");
    await watch();
    const redirected = await project.run(["cli", "replication", "redis-28", "-c", "get", "blob"]);
    expect(redirected.stderr).toContain("can't connect to further nodes here (-c, --cluster)");
    expect(redirected.code).toBe(1);
  });
});

test("a second checkout of the lab says whose servers answer, whatever the verb", async () => {
  const second = await makeProject();
  try {
    await second.write(lab);
    for (const verb of [
      ["status", "replication"],
      ["doctor", "replication"],
      ["cli", "replication", "redis-18", "ping"],
    ]) {
      const { stdout, stderr, code } = await second.run(verb);
      expect(stdout + stderr, verb.join(" ")).toContain(`${network}.18:6379 belongs to the lab "replication" of ${project.folder}`);
      expect(stdout + stderr, verb.join(" ")).not.toContain("refused the password");
      expect(code).toBe(1);
    }
  } finally {
    await second.remove();
  }
});

test("down --orphans ends what runs of a lab whose .redis-lab was deleted, and nothing else", async () => {
  expect((await project.ok(["down", "replication", "--orphans"])).stdout).toContain("no process was lost sight of");
  const pids = await Promise.all(["redis-18", "redis-28", "redis-38"].map(pidOf));
  await rm(join(project.folder, ".redis-lab"), { recursive: true });
  expect((await project.ok(["list"])).stdout).toContain("processes are left");
  const ended = await document("down", "replication", "--orphans");
  expect(ended.ended.map(({ pid }: { pid: number }) => pid).toSorted()).toEqual(pids.toSorted());
  expect(pids.map(runs)).toEqual([false, false, false]);
  expect((await project.ok(["down", "replication", "--orphans"])).stdout).toContain("no process was lost sight of");
  expect((await project.run(["down", "replication", "--orphans", "--target", "ssh"])).code).toBe(64);
});
