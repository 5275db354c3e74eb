import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify, stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { markOf, thisProcess } from "../../lib/base/process-identity.ts";
import { waitFor } from "../../lib/base/wait.ts";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import { CALM_MS, MAIN, makeProject, smallCluster, type TestProject } from "../support/project.ts";
import { onTerminal } from "../support/terminal.ts";

// The verbs that show a lab or hand it to another tool.

const run = promisify(execFile);
const lab = {
  ...smallCluster({
    hosts: numberedHosts("192.168.1", [18, 28, 38, 78], { 78: { instances: [6379, 6380] } }),
    layout: {
      kind: "cluster",
      masters: ["redis-18", "redis-28", "redis-38"],
      replicas: { "redis-78:6379": "redis-18:6379" },
      standby: ["redis-78:6380"],
      nodeTimeoutMs: CALM_MS,
    },
  }),
  ssh: { user: "admin", port: 2222, keyFile: "~/.ssh/lab key", jump: "hop@bastion:2200" },
};
const network = lab.network.loopback.replace(/\.0\/24$/, "");
let project: TestProject;

beforeAll(async () => {
  project = await makeProject();
  await project.write(lab);
  await project.ok(["up", "cluster"]);
});
afterAll(() => project.remove());

const has = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

test("render writes all files of the hosts with their modes, secrets as tokens unless asked for", async () => {
  const password = await project.password("cluster");
  const { files: rendered } = JSON.parse((await project.ok(["render", "cluster", "--target", "ssh", "--out", "files", "--json"])).stdout);
  const of = (host: string) => rendered.filter((each: { host: string }) => each.host === host).map(({ path }: { path: string }) => path);
  expect(of("redis-78")).toEqual(
    expect.arrayContaining([
      "/apps/redis/etc/redis.conf",
      "/apps/redis/etc/redis-6380.conf",
      "/etc/systemd/system/redis.service",
      "/etc/systemd/system/redis-6380.service",
      "/etc/systemd/system/redis-lab-thp-cluster.service",
      "/etc/hosts",
    ]),
  );
  for (const { file, mode } of rendered) {
    expect(((await stat(file)).mode & 0o7777).toString(8).padStart(4, "0"), file).toBe(mode);
    expect(await readFile(file, "utf8"), file).not.toContain(password);
  }
  await project.ok(["render", "cluster", "redis-18", "--target", "ssh", "--out", "secret", "--secrets", "--os", "debian"]);
  const secret = join(project.folder, "secret/redis-18/apps/redis/etc/redis.conf");
  expect(await readFile(secret, "utf8")).toContain(`requirepass ${password}`);
  // No other user, not even for a moment: what was there before is replaced.
  expect(((await stat(secret)).mode & 0o7777).toString(8)).toBe("600");
  expect(((await stat(join(project.folder, "secret"))).mode & 0o7777).toString(8)).toBe("700");
  expect(existsSync(join(project.folder, "secret/redis-28"))).toBe(false);
  expect(existsSync(join(project.folder, "files/redis-18/etc/yum.repos.d"))).toBe(true);
  expect(existsSync(join(project.folder, "secret/redis-18/etc/yum.repos.d"))).toBe(false);
  // A host that is a folder of this computer looks like the host that it stands for.
  await project.ok(["render", "cluster", "redis-78", "--target", "local", "--out", "local"]);
  expect(await readdir(join(project.folder, "local/redis-78"))).toEqual(["apps"]);
  expect(existsSync(join(project.folder, "local/redis-78/apps/redis/etc/redis-6380.conf"))).toBe(true);
});

test("inventory --format ssh-config is what ssh reads", async (context) => {
  if (!has("ssh")) return context.skip();
  const { writeFile } = await import("node:fs/promises");
  const file = join(project.folder, "ssh_config");
  await writeFile(file, (await project.ok(["inventory", "cluster", "--target", "ssh", "-f", "ssh-config"])).stdout);
  const { stdout } = await run("ssh", ["-G", "-F", file, "redis-28"]);
  const words = new Map(stdout.split("\n").map((line) => [line.split(" ")[0], line.slice(line.indexOf(" ") + 1)]));
  expect(words.get("hostname")).toBe("192.168.1.28");
  expect(words.get("port")).toBe("2222");
  expect(words.get("user")).toBe("admin");
  expect(words.get("identitiesonly")).toBe("yes");
  expect(words.get("identityfile")).toMatch(/lab key/);
  // The jump host is opened with the same key and the lab's pins, which ProxyJump would not do.
  expect(words.get("proxycommand")).toMatch(/^ssh -p 2200 -l hop -i '.*lab key' .* -W '\[%h\]:%p' bastion$/);
  const pins = join(project.folder, ".redis-lab/cluster/ssh/known_hosts");
  expect(words.get("userknownhostsfile")?.startsWith(`${pins} ${project.environment.HOME}/.ssh/known_hosts `)).toBe(true);
});

test("inventory for Ansible, Prometheus, clients and scripts parses as theirs", async () => {
  const ansible = parse((await project.ok(["inventory", "cluster", "--target", "ssh", "-f", "ansible"])).stdout);
  expect(ansible.all.hosts["redis-78"]).toMatchObject({ ansible_host: "192.168.1.78", ansible_user: "admin", redis_ports: [6379, 6380] });
  expect(Object.keys(ansible.all.children.cluster_master.hosts)).toEqual(["redis-18", "redis-28", "redis-38"]);
  const prometheus = JSON.parse((await project.ok(["inventory", "cluster", "-f", "prometheus"])).stdout);
  expect(prometheus).toHaveLength(5);
  expect(prometheus[4]).toEqual({
    targets: [`redis://${network}.78:6380`],
    labels: { lab: "cluster", host: "redis-78", instance: "redis-78:6380", role: "standby" },
  });
  expect((await project.ok(["inventory", "cluster", "-f", "uri"])).stdout).toBe(
    `redis://${[18, 28, 38, 78].map((number) => `${network}.${number}:6379`).join(",")}\n`.replace("redis://", "redis://"),
  );
  const json = JSON.parse((await project.ok(["inventory", "cluster", "--json"])).stdout);
  expect(json.hosts.map(({ address }: { address: string }) => address)).toEqual([18, 28, 38, 78].map((number) => `${network}.${number}`));
});

test("cli gives the server's replies, raw in a pipe, and fails on an error reply", async () => {
  const set = await project.ok(["cli", "cluster", "redis-38", "set", "foo", "two words"]);
  expect(set.stdout).toBe("OK\n");
  expect((await project.ok(["cli", "cluster", "redis-38:6379", "get", "foo"])).stdout).toBe("two words\n");
  const moved = await project.run(["cli", "cluster", "redis-18", "get", "foo"]);
  expect(moved.stdout).toBe(`MOVED 12182 ${network}.38:6379\n`);
  expect(moved.code).toBe(1);
  expect((await project.ok(["cli", "cluster", "redis-18", "config", "get", "port"])).stdout).toBe("port\n6379\n");
  // Words with a dash are the server's, before and after a separator.
  expect((await project.ok(["cli", "cluster", "redis-18", "--", "echo", "--help"])).stdout).toBe("--help\n");
  expect((await project.ok(["cli", "cluster", "redis-18", "echo", "--json"])).stdout).toBe("--json\n");
  const piped = await project.run(["cli", "cluster", "redis-38"], { input: 'get foo\necho "a b"\nnope\nbad "quote\n' });
  expect(piped.stdout).toMatch(/^two words\na b\nERR unknown command.*\nInvalid argument\(s\)\n$/);
  expect(piped.code).toBe(1);
});

test("on a terminal cli shows types and a prompt, and the live display ends in plain rows", async (context) => {
  if (!has("script")) return context.skip();
  // Without a width the prompt is ours: that of redis-cli would wait for the terminal to say where its cursor is.
  const cli = `${process.execPath} ${MAIN} cli cluster redis-38`;
  const prompt = `${network}.38:6379> `;
  const cwd = project.folder;
  const turns = ["get foo\n", "get absent\n", "dbsize\n", "quit\n"].map((line) => [prompt, line] as const);
  const typed = await onTerminal(cli, { cwd, turns });
  for (const reply of ['"two words"', "(nil)", "(integer) 1"]) expect(typed).toContain(reply);
  expect(await onTerminal(`stty cols 100; ${cli} | cat`, { cwd, turns })).toMatch(/^two words\r?$/m);
  const up = await onTerminal(`stty cols 100; ${process.execPath} ${MAIN} up cluster`, { cwd });
  const plain = stripVTControlCharacters(up);
  expect(plain).toMatch(/^✔ redis-18 {2}unchanged\r?$/m);
  expect(plain).toMatch(/^✔ cluster {3}unchanged\r?$/m);
  // A terminal that does not know its width gets plain lines.
  const narrow = await onTerminal(`stty cols 0; ${process.execPath} ${MAIN} up cluster`, { cwd });
  expect(narrow).not.toContain("\u001b[?25l");
  expect(narrow).toContain("0 changed");
});

test("on a terminal that knows its width cli is the prompt of the lab's redis-cli", async (context) => {
  if (!has("script")) return context.skip();
  const terminal = spawn("script", ["-qec", `stty cols 100; ${process.execPath} ${MAIN} cli cluster redis-38`, "/dev/null"], {
    cwd: project.folder,
    env: { ...process.env, REDISCLI_HISTFILE: "/dev/null" },
    stdio: ["pipe", "pipe", "inherit"],
    timeout: 200_000,
  });
  const ended = once(terminal, "close");
  let seen = "";
  terminal.stdout.on("data", (chunk: Buffer) => (seen += chunk.toString()));
  // Typed before, it would be thrown away (TCSAFLUSH in linenoise.c).
  // It speaks to a socket of ours, behind which the instance is.
  const prompt = "/redis> ";
  for (const [line, reply] of [
    ["help\r", "redis-cli "],
    ["dbsize\r", "(integer) "],
  ] as const) {
    await expect.poll(() => seen, { timeout: 60_000 }).toContain(prompt);
    seen = "";
    terminal.stdin.write(line);
    await expect.poll(() => seen, { timeout: 60_000 }).toContain(reply);
    seen = seen.slice(seen.indexOf(reply));
  }
  await expect.poll(() => seen, { timeout: 60_000 }).toContain(prompt);
  terminal.stdin.end("quit\r");
  expect((await ended)[0]).toBe(0);
});

test("logs shows the last lines of each instance, and follows until interrupted", async () => {
  const one = await project.ok(["logs", "cluster", "redis-78:6380", "-n", "2"]);
  expect(one.stdout.trimEnd().split("\n")).toHaveLength(2);
  const both = await project.ok(["logs", "cluster", "redis-78", "-n", "1"]);
  expect(both.stdout).toMatch(/redis-6379\.log/);
  expect(both.stdout).toMatch(/redis-6380\.log/);
  const { child, result } = project.start(["logs", "cluster", "redis-18", "-n", "0", "-f"]);
  let seen = "";
  child.stdout?.on("data", (chunk: Buffer) => (seen += chunk.toString()));
  await waitFor(
    async () => {
      // A line in the log, whenever the follower is ready for it.
      await project.run(["cli", "cluster", "redis-18", "bgsave"]);
      return /saving/i.test(seen) ? { done: true, value: undefined } : { done: false, missing: "a line of the log" };
    },
    { what: "the log to be followed", timeoutMs: 60_000, intervalMs: 200 },
  );
  child.kill("SIGINT");
  expect((await result).code).toBe(130);
});

test("ssh on this computer is a shell in the host's folder, with the lab's Redis first on PATH and the exit code handed on", async () => {
  const folder = join(project.folder, ".redis-lab/cluster/local/hosts/redis-18/apps/redis");
  expect((await project.ok(["ssh", "cluster", "redis-18", "pwd"])).stdout).toBe(`${folder}\n`);
  expect((await project.ok(["ssh", "cluster", "redis-18", "--", "command", "-v", "redis-server"])).stdout).toBe(
    `${folder}/bin/redis-server\n`,
  );
  expect((await project.run(["ssh", "cluster", "redis-18", "--", "exit", "7"])).code).toBe(7);
});

test("status --watch --json gives a document a line and ends with 130 on Ctrl-C; a reader that leaves is not a fault", async () => {
  const { child, result } = project.start(["status", "cluster", "--watch", "0.2", "--json"]);
  let seen = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    seen += chunk.toString();
    if (seen.split("\n").length > 3) child.kill("SIGINT");
  });
  const { code, stdout } = await result;
  expect(code).toBe(130);
  for (const line of stdout.trimEnd().split("\n")) expect(JSON.parse(line)).toMatchObject({ lab: "cluster", healthy: true });
  const head = await run("bash", ["-o", "pipefail", "-c", `"$0" "$1" status cluster --watch 0.2 | head -2`, process.execPath, MAIN], {
    cwd: project.folder,
  });
  expect(head.stdout).toMatch(/^\d\d:\d\d:\d\d\nHOST +INSTANCE.*\n$/);
  expect(head.stderr).toBe("");
});

test("any run removes the temporary folders of one that was killed, and no others", async () => {
  const folder = join(project.folder, "temporary");
  const dead = await markOf({ ...(await thisProcess()), started: "1" });
  const gone = ["server", "load", "script", "cli"].map((kind) => `redis-lab-${kind}-${dead}-abcdef`);
  const stays = [`redis-lab-server-${await markOf()}-abcdef`, "redis-lab-server-abcdef", `redis-lab-${dead}`];
  for (const name of [...gone, ...stays]) await mkdir(join(folder, name), { recursive: true });
  await project.ok(["status", "cluster"], { env: { TMPDIR: folder } });
  expect((await readdir(folder)).filter((name) => name.startsWith("redis-lab")).sort()).toEqual(stays.sort());
});

test("doctor finds nothing wrong with a lab that was just brought up", async () => {
  const diagnosis = JSON.parse((await project.ok(["doctor", "cluster", "--json"])).stdout);
  expect(diagnosis.findings.filter(({ severity }: { severity: string }) => severity === "problem")).toEqual([]);
});
