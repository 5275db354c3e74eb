import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chown, cp, mkdir, mkdtemp, readdir, readFile, readlink, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "../../lib/base/cache-folder.ts";
import type { UserIds } from "../../lib/base/process.ts";
import { waitFor } from "../../lib/base/wait.ts";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { HOLDER_NAME } from "../../lib/netns/scripts.ts";
import { connectRedis } from "../../lib/redis/client.ts";
import type { Argument, RedisClient, Reply } from "../../lib/redis/types.ts";
import { nextNetwork } from "./addresses.ts";
import { tryRun } from "./command.ts";
import { assertDocuments } from "./documents.ts";

/** The compiled command line. */
export const MAIN = fileURLToPath(new URL("../../dist/lib/cli/main.js", import.meta.url));

/** How a run of the command line ended. `code` is null where a signal ended it. */
export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  /** @default the project's folder */
  readonly cwd?: string;
  /** What runs the command line. @default nothing stands before it */
  readonly before?: readonly string[];
  /** Told each whole line of standard error as it comes. */
  readonly onLine?: (line: string, child: ChildProcess) => void;
}

/** A user's project in a folder of its own, driven by the compiled command line as a user drives it. */
export interface TestProject {
  readonly folder: string;
  /** For all that is run in it: an empty home, so that the ssh configuration and known_hosts of who runs the tests say nothing, and their cache. */
  readonly environment: Readonly<Record<"HOME" | "XDG_CACHE_HOME", string>>;
  /** Writes the labs file. */
  write(...labs: readonly LabInput[]): Promise<void>;
  /** The result fails where a document of `--json` is not as its schema in docs/reference/json says. */
  start(args: readonly string[], options?: CliOptions): { readonly child: ChildProcess; readonly result: Promise<CliResult> };
  run(args: readonly string[], options?: CliOptions): Promise<CliResult>;
  /** As `run`, and fails with both outputs unless the exit code is 0. */
  ok(args: readonly string[], options?: CliOptions): Promise<CliResult>;
  password(lab: string): Promise<string>;
  client(lab: LabInput, instance: string, password?: string): Promise<RedisClient>;
  call(lab: LabInput, instance: string, ...command: Argument[]): Promise<Reply>;
  /** Ends every process of a lab and removes all that is remembered of it, its secrets too: as if it had never been. */
  wipe(lab: LabInput): Promise<void>;
  /** Ends every process that lives in the folder and removes the folder. */
  remove(): Promise<void>;
}

/** @param user for root alone: whom the command line runs as, who then owns the folder and has a copy of the cache there. @default the user of the tests */
export async function makeProject({ user }: { readonly user?: UserIds | undefined } = {}): Promise<TestProject> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "redis-lab project-")));
  await mkdir(join(folder, "stacks"));
  const environment = {
    HOME: join(folder, ".home"),
    XDG_CACHE_HOME: user === undefined ? dirname(cacheFolder()) : join(folder, ".home/.cache"),
  };
  await mkdir(environment.HOME);
  const main = user === undefined ? MAIN : await handOver(folder, environment, user);
  const children = new Set<ChildProcess>();
  const clients: RedisClient[] = [];

  const start: TestProject["start"] = (args, options = {}) => {
    const { REDIS_LAB_PASSWORD: _, REDIS_LAB_LABS: __, ...env } = process.env;
    const [program = "", ...words] = [...(options.before ?? []), process.execPath, main, ...args];
    const child = spawn(program, words, {
      ...user,
      cwd: options.cwd ?? folder,
      env: { ...env, ...environment, ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    children.add(child);
    let stdout = "";
    let stderr = "";
    let rest = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
      const lines = (rest + chunk.toString()).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) options.onLine?.(line, child);
    });
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
    const result = once(child, "close").then(([code]): CliResult => {
      children.delete(child);
      assertDocuments(args, { code, stdout });
      return { code, stdout, stderr };
    });
    return { child, result };
  };
  const run: TestProject["run"] = (args, options) => start(args, options).result;
  const password = async (lab: string) => {
    const secrets: { password: string } = JSON.parse(await readFile(join(folder, ".redis-lab", lab, "secrets.json"), "utf8"));
    return secrets.password;
  };
  const client: TestProject["client"] = async (lab, instance, given) => {
    const [host = "", port = "6379"] = instance.split(":");
    const number = lab.hosts.find(({ name }) => name === host)?.address.split(".")[3];
    const address = `${lab.network.loopback.split(".").slice(0, 3).join(".")}.${number}`;
    const { connect } = await import("node:net");
    const opened = await connectRedis(
      { address, port: Number(port) },
      async (to, at) => {
        const socket = connect({ host: to, port: at });
        await once(socket, "connect");
        return socket;
      },
      // A server whose disk is busy is silent for some seconds. A sentinel before 6.2 says that it has no password.
      { passwords: [given ?? (await password(lab.name))], timeoutMs: 60_000 },
    );
    clients.push(opened);
    return opened;
  };
  return {
    folder,
    environment,
    async write(...labs) {
      const text = labs.map((lab, index) => `export const lab${index} = defineLab(${JSON.stringify(lab, null, 2)});\n`).join("\n");
      const file = join(folder, "stacks", "labs.mjs");
      await writeFile(file, `import { defineLab } from "redis-lab";\n\n${text}`);
      if (user !== undefined) await chown(file, user.uid, user.gid);
    },
    start,
    run,
    async ok(args, options) {
      const result = await run(args, options);
      if (result.code !== 0) throw new Error(`redis-lab ${args.join(" ")} ended with ${result.code}\n${result.stderr}\n${result.stdout}`);
      return result;
    },
    password,
    client,
    async call(lab, instance, ...command) {
      const opened = await client(lab, instance);
      try {
        return await opened.call(command);
      } finally {
        opened.close();
      }
    },
    wipe: (lab) => removeFolder(join(folder, ".redis-lab", lab.name)),
    async remove() {
      for (const opened of clients) opened.close();
      for (const child of children) child.kill("SIGKILL");
      await removeFolder(folder);
    },
  };
}

/** Gives a project to a user, with copies of what this one may not read. @returns the command line that this user can run */
async function handOver(folder: string, environment: TestProject["environment"], user: UserIds): Promise<string> {
  const cache = join(environment.XDG_CACHE_HOME, "redis-lab");
  for (const room of ["builds", "sources"]) {
    const from = join(cacheFolder(), room);
    if (existsSync(from)) await cp(from, join(cache, room), { recursive: true });
  }
  const own = await tryRun("chown", ["-R", `${user.uid}:${user.gid}`, folder]);
  if (own.code !== 0) throw new Error(own.stderr);
  const readable = spawnSync(process.execPath, [MAIN, "--version"], { ...user, cwd: "/", encoding: "utf8" });
  if (readable.status === 0) return MAIN;
  // A checkout in the home of root.
  const root = fileURLToPath(new URL("../..", import.meta.url));
  for (const part of ["dist", "templates", "node_modules", "package.json"])
    await cp(join(root, part), join(folder, ".program", part), { recursive: true, dereference: true });
  return join(folder, ".program/dist/lib/cli/main.js");
}

async function removeFolder(folder: string): Promise<void> {
  await waitFor(
    async () => {
      const left = await processesIn(folder);
      for (const { pid } of left) kill(pid);
      return left.length === 0 ? { done: true, value: undefined } : { done: false, missing: `the end of ${left.length} processes` };
    },
    { what: "the processes of a test to end", timeoutMs: 60_000, intervalMs: 50 },
  );
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** A process that works in a folder, with the words it was started with. */
export interface FoundProcess {
  readonly pid: number;
  readonly command: string;
}

/** Processes whose working folder is below a folder, or that hold the network of a lab there: what redis-lab started there, whether it remembers them or not. */
export async function processesIn(folder: string): Promise<readonly FoundProcess[]> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 0 && pid !== process.pid);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const at = await readlink(`/proc/${pid}/cwd`).catch(() => "");
      const command = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " ").trim();
      const works = at === folder || at.startsWith(`${folder}/`);
      // What holds the network of a lab works nowhere.
      if (!works && !command.includes(`${HOLDER_NAME} ${folder}/`)) return [];
      return command === "" ? [] : [{ pid, command }];
    }),
  );
  return found.flat().sort((a, b) => a.pid - b.pid);
}

/** The Redis servers and sentinels of a folder, by the title that they give themselves. Their children that save have that of their parent for a moment. */
export async function serversIn(folder: string): Promise<readonly (FoundProcess & { readonly endpoint: string })[]> {
  const servers = (await processesIn(folder)).flatMap((found) => {
    const endpoint = /\/redis-(?:server|sentinel) (\S+:\d+)(?: \[(?:cluster|sentinel)\])?$/.exec(found.command)?.[1];
    return endpoint === undefined ? [] : [{ ...found, endpoint }];
  });
  const parents = await Promise.all(servers.map(({ pid }) => parentOf(pid)));
  return servers.filter((_, index) => parents[index] !== undefined && !servers.some(({ pid }) => pid === parents[index]));
}

/** Undefined for a process that has ended. */
async function parentOf(pid: number): Promise<number | undefined> {
  const parent = /^PPid:\t(\d+)$/m.exec(await readFile(`/proc/${pid}/status`, "utf8").catch(() => ""))?.[1];
  return parent === undefined ? undefined : Number(parent);
}

/** What Redis writes beside nodes.conf and its configuration, and gives their names at once: `nodes.conf.tmp-PID-TIME`, `sentinel.conf.PID-TIME.tmp`. */
export const PASSING = /\.tmp-\d+-\d+$|\.\d+-\d+\.tmp$/;

/** Every file below a folder with what tells whether it was written: inode, size and time in nanoseconds. */
export async function fingerprints(folder: string, ignore: RegExp = /\.(rdb|aof|log)$/): Promise<Readonly<Record<string, string>>> {
  if (!existsSync(folder)) return {};
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const marks = await Promise.all(
    files
      .filter((file) => !ignore.test(file) && !PASSING.test(file))
      .map(async (file) => {
        const { ino, size, mtimeNs } = await stat(file, { bigint: true });
        return [file, `${ino} ${size} ${mtimeNs}`] as const;
      }),
  );
  return Object.fromEntries(marks.sort(([a], [b]) => a.localeCompare(b)));
}

/**
 * What the labs of these tests declare as `redis`: the source that the global set-up compiled, so that nothing is compiled again. From 7.0 on a master waits five seconds for
 * further replicas before it sends its data; with this setting it begins at once, as 4.0.14 does.
 */
export function testRedis(settings: Readonly<Record<string, string | number | boolean>> = {}): NonNullable<LabInput["redis"]> {
  const redis = process.env["REDIS_LAB_TEST_LAB_REDIS"];
  return {
    ...(redis === undefined ? {} : (JSON.parse(redis) as NonNullable<LabInput["redis"]>)),
    settings: { "repl-diskless-sync-delay": 0, ...settings },
  };
}

const PREFIX = "192.168.1";

/**
 * The node time-out of clusters that fail over by hand alone, in milliseconds: a busy disk keeps a server silent for some seconds (nodes.conf is synced), and those who hear nothing of a master replace it. Not longer, as two
 * planned failovers of a shard are twice as far apart.
 */
export const CALM_MS = 10_000;

/** Three masters and a replica for each, on six hosts. */
export function smallCluster(changes: Partial<LabInput> = {}): LabInput {
  return {
    name: "cluster",
    network: { cidr: `${PREFIX}.0/24`, loopback: nextNetwork() },
    hosts: numberedHosts(PREFIX, [18, 28, 38, 48, 58, 68]),
    redis: testRedis(),
    layout: {
      kind: "cluster",
      masters: ["redis-18", "redis-28", "redis-38"],
      replicas: { "redis-58": "redis-18", "redis-68": "redis-28", "redis-48": "redis-38" },
      nodeTimeoutMs: CALM_MS,
    },
    ...changes,
  };
}

/** One master with two replicas, and a sentinel beside each. */
export function smallSentinel(changes: Partial<LabInput> = {}): LabInput {
  return {
    name: "sentinel",
    network: { cidr: `${PREFIX}.0/24`, loopback: nextNetwork() },
    hosts: numberedHosts(PREFIX, [18, 28, 38]),
    redis: testRedis(),
    layout: {
      kind: "sentinel",
      masters: [{ name: "mymaster", master: "redis-18", replicas: ["redis-28", "redis-38"], quorum: 2 }],
      sentinels: ["redis-18", "redis-28", "redis-38"],
    },
    ...changes,
  };
}

/** One master with two replicas, without sentinels. */
export function smallReplication(changes: Partial<LabInput> = {}): LabInput {
  return {
    name: "replication",
    network: { cidr: `${PREFIX}.0/24`, loopback: nextNetwork() },
    hosts: numberedHosts(PREFIX, [18, 28, 38]),
    redis: testRedis(),
    layout: { kind: "replication", master: "redis-18", replicas: ["redis-28", "redis-38"] },
    ...changes,
  };
}

/**
 * What standard error says besides that something goes on: on a busy computer steps that change nothing take longer than a moment, and of these the beginning is told.
 */
export function newsOf({ stderr }: CliResult): readonly string[] {
  return stderr.split("\n").filter((line) => line !== "" && !/^[^\s:]+ [^\s:]+(?: started)?(?::|$)/.test(line));
}

/** The count that `up` prints. */
export function changedOf({ stdout }: CliResult): number {
  const count = /^(\d+) changed$/m.exec(stdout)?.[1];
  if (count === undefined) throw new Error(`no count of changes in:\n${stdout}`);
  return Number(count);
}
