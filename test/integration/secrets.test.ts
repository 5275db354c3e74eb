import { readdir, readFile, readlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import {
  CALM_MS,
  type CliResult,
  makeProject,
  PASSING,
  processesIn,
  smallCluster,
  smallSentinel,
  type TestProject,
} from "../support/project.ts";

// The password is in secrets.json and in the configurations of Redis, and nowhere else: not in what is printed, not in another file, not on a command line, not in an
// environment of what runs on.

/** Given by environment, so that what inherits it is found too. */
const GIVEN = "Given_by-environment-0123456789abcd";
const ALLOWED = new Set(["secrets.json", "redis.conf", "redis-6380.conf", "sentinel.conf"]);
const cluster = smallCluster({
  hosts: numberedHosts("192.168.1", [18, 28, 38, 78], { 78: { instances: [6379, 6380] } }),
  layout: {
    kind: "cluster",
    masters: ["redis-18", "redis-28", "redis-38"],
    replicas: { "redis-78:6379": "redis-18:6379" },
    standby: ["redis-78:6380"],
    nodeTimeoutMs: CALM_MS,
  },
});
const sentinel = smallSentinel();
let project: TestProject;
const printed: { readonly what: string; readonly result: CliResult }[] = [];
/** Command lines and environments of everything that ran below the project while it worked. */
const observed = new Map<string, string>();
let watching = true;
let watcher: Promise<void>;

beforeAll(async () => {
  project = await makeProject();
  await project.write(cluster, sentinel);
  watcher = watch();
});
afterAll(async () => {
  watching = false;
  await watcher;
  await project.remove();
});

async function type(args: readonly string[], env: NodeJS.ProcessEnv = {}, input?: string): Promise<void> {
  const result = await project.run(args, { env, ...(input !== undefined && { input }) });
  printed.push({ what: args.join(" "), result });
}

/** A process is looked at this often: it is there before its program is, and the program before its folder. */
const LOOKS = 10;

/** Looks at every new process of this user again and again: those of the project, and shells and helpers that were started in passing. */
async function watch(): Promise<void> {
  let looks = new Map<string, number>();
  while (watching) {
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
    looks = new Map(pids.map((pid) => [pid, (looks.get(pid) ?? 0) + 1]));
    for (const pid of pids.filter((pid) => (looks.get(pid) ?? 0) <= LOOKS)) {
      const [command, cwd] = await Promise.all([
        readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""),
        readlink(`/proc/${pid}/cwd`).catch(() => ""),
      ]);
      if (command === "" || !(command.includes(project.folder) || cwd.startsWith(project.folder))) continue;
      observed.set(`${pid} ${command}`, command);
    }
    await delay(10);
  }
}

async function passwords(): Promise<readonly string[]> {
  return [GIVEN, await project.password("cluster"), await project.password("sentinel")];
}

test("a full life of both labs, with a rotation, changes and failures", async () => {
  const env = { REDIS_LAB_PASSWORD: GIVEN };
  await Promise.all([type(["up", "cluster"], env), type(["up", "sentinel", "--json"])]);
  for (const args of [
    ["plan", "cluster"],
    ["status", "cluster", "--json"],
    ["doctor", "cluster"],
    ["doctor", "sentinel", "--json"],
    ["inventory", "cluster", "-f", "uri"],
    ["inventory", "cluster", "-f", "json"],
    ["render", "cluster", "--out", "files"],
    ["render", "sentinel", "--target", "ssh", "--out", "files"],
    ["logs", "cluster", "redis-18"],
  ])
    await type(args, args[1] === "cluster" ? env : {});
  // Not given any more: what was given is kept in the file. Then a change of password, looked at before it is made.
  const secrets = join(project.folder, ".redis-lab/sentinel/secrets.json");
  const old = await project.password("sentinel");
  await type(["plan", "sentinel", "--json"], { REDIS_LAB_PASSWORD: GIVEN });
  await type(["up", "sentinel"], { REDIS_LAB_PASSWORD: GIVEN });
  expect(JSON.stringify(printed)).not.toContain(old);
  expect(await readFile(secrets, "utf8")).toContain(GIVEN);
  await type(["logs", "sentinel", "redis-18"]);
  await type(["up", "cluster", "--rotate-password"]);
  await type(["cli", "cluster", "redis-18"], {}, "auth wrong\nauth\nconfig get maxmemory\n");
  await project.write({ ...cluster, redis: { ...cluster.redis, settings: { databases: 2 } } }, sentinel);
  await type(["plan", "cluster"]);
  for (const { what, result } of printed) expect(result.code, `${what}\n${result.stderr}`).toBe(what.startsWith("cli") ? 1 : 0);
});

test("nothing that was printed holds a password", async () => {
  for (const password of await passwords()) {
    for (const { what, result } of printed) expect(`${result.stdout}${result.stderr}`.includes(password), what).toBe(false);
  }
});

test("no other file holds a password", async () => {
  const entries = await readdir(project.folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  expect(files.length).toBeGreaterThan(50);
  const known = await passwords();
  const wrong: string[] = [];
  for (const file of files) {
    const rendered = file.startsWith(join(project.folder, "files"));
    if (ALLOWED.has(basename(file).replace(PASSING, "")) && !rendered) continue;
    const text = await readFile(file, "latin1").catch((error: unknown) => {
      if (PASSING.test(file)) return "";
      throw error;
    });
    if (known.some((password) => text.includes(password))) wrong.push(file);
  }
  expect(wrong).toEqual([]);
});

test("no command line, and no environment of what runs on, holds a password", async () => {
  const known = await passwords();
  expect(observed.size).toBeGreaterThan(20);
  expect([...observed.values()].filter((command) => known.some((password) => command.includes(password)))).toEqual([]);
  const running = await processesIn(project.folder);
  expect(running.length).toBeGreaterThan(8);
  for (const { pid, command } of running) {
    // A child that saves may have ended since.
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
    expect(
      known.some((password) => environment.includes(password)),
      command,
    ).toBe(false);
  }
});
