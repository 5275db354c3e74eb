import type { ChildProcess } from "node:child_process";
import { cp, mkdir, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import pLimit from "p-limit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { everyVerb } from "../../lib/cli/verb-reference.ts";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import { casesOf } from "../support/full.ts";
import { type CliResult, makeProject, serversIn, smallCluster, smallSentinel, type TestProject } from "../support/project.ts";

// An instance that is stopped (SIGSTOP): its port takes connections, and nothing is ever answered. Every verb that speaks to it ends at the first signal, all others by themselves.

const cluster = smallCluster({
  hosts: numberedHosts("192.168.1", [18, 28, 38, 48, 58]),
  layout: {
    kind: "cluster",
    masters: ["redis-18", "redis-28", "redis-38"],
    replicas: { "redis-58": "redis-18" },
    standby: ["redis-48"],
    // Nothing happens in the cluster by itself meanwhile.
    nodeTimeoutMs: 60_000,
  },
});
const sentinel = smallSentinel();
const idle = smallSentinel({ name: "idle" });

interface Case {
  /** What follows the verb. */
  readonly words: readonly string[];
  /** How it ends: by the first signal, with 130, or by itself with this code, as it does not speak to the instance. */
  readonly ends: "interrupted" | number;
  /** Works on processes and files of the lab itself, and not on a copy of what redis-lab remembers. @default false */
  readonly itself?: true;
  /** @default SIGINT */
  readonly signal?: NodeJS.Signals;
  /** What shows that it waits for the instance. @default it has a connection to it */
  readonly waits?: "its child runs" | "the instance is to end";
}

const CASES: Readonly<Record<string, Case>> = {
  up: { words: ["cluster"], ends: "interrupted", itself: true },
  plan: { words: ["cluster"], ends: "interrupted", itself: true },
  status: { words: ["cluster"], ends: "interrupted" },
  down: { words: ["cluster"], ends: "interrupted", itself: true },
  rebuild: { words: ["cluster", "--yes"], ends: "interrupted", itself: true },
  failover: { words: ["sentinel"], ends: "interrupted" },
  leave: { words: ["cluster", "redis-18"], ends: 0 },
  preflight: { words: ["cluster"], ends: 1 },
  render: { words: ["cluster"], ends: 0 },
  inventory: { words: ["cluster"], ends: 0 },
  doctor: { words: ["cluster"], ends: "interrupted" },
  ssh: {
    words: ["cluster", "redis-38", "--", "exec sleep 600"],
    ends: "interrupted",
    itself: true,
    signal: "SIGTERM",
    waits: "its child runs",
  },
  cli: { words: ["cluster", "redis-38", "ping"], ends: "interrupted" },
  logs: { words: ["cluster", "redis-38", "--lines", "1"], ends: 0, itself: true },
  load: { words: ["cluster", "--for", "60s"], ends: "interrupted" },
  // It is for another target.
  shell: { words: ["cluster", "redis-38", "--", "true"], ends: 64 },
  "drill list": { words: ["cluster"], ends: 0 },
  "drill run": { words: ["cluster", "replica-kill"], ends: "interrupted" },
  "drill matrix": { words: ["cluster", "replica-kill", "--set", "node-timeout=60001"], ends: "interrupted", itself: true },
  "drill check": { words: ["history"], ends: 64 },
  "drill report": { words: ["history"], ends: 64 },
  "cluster check": { words: ["cluster"], ends: "interrupted" },
  "cluster info": { words: ["cluster"], ends: "interrupted" },
  "cluster topology": { words: ["cluster"], ends: "interrupted" },
  "cluster diff": { words: ["cluster"], ends: "interrupted" },
  "cluster wait": { words: ["cluster"], ends: "interrupted" },
  "cluster create": { words: ["cluster"], ends: "interrupted" },
  "cluster fix": { words: ["cluster"], ends: "interrupted" },
  "cluster reshard": { words: ["cluster", "--from", "all", "--to", "redis-18", "--slots", "10"], ends: "interrupted" },
  "cluster rebalance": { words: ["cluster"], ends: "interrupted" },
  "cluster drain": { words: ["cluster", "redis-28"], ends: "interrupted" },
  "cluster add-node": { words: ["cluster", "redis-48:6379"], ends: "interrupted" },
  "cluster del-node": { words: ["cluster", "redis-58:6379"], ends: "interrupted" },
  "cluster replace-node": { words: ["cluster", "redis-28", "redis-48"], ends: "interrupted" },
  "cluster replicate": { words: ["cluster", "redis-58", "redis-28"], ends: "interrupted" },
  "cluster failover": { words: ["cluster", "redis-58"], ends: "interrupted" },
  "cluster failback": { words: ["cluster"], ends: "interrupted" },
  "cluster reset": { words: ["cluster", "redis-48:6379", "--yes"], ends: "interrupted" },
  "cluster resume": { words: ["cluster"], ends: "interrupted" },
  "cluster rollback": { words: ["cluster"], ends: "interrupted" },
  "cluster import": { words: ["cluster", "--from", "REDIS-38:6379"], ends: "interrupted" },
  "cluster backup": { words: ["cluster", "a-new-folder"], ends: "interrupted" },
  "cluster restore": { words: ["cluster", "backup", "--server", "SERVER"], ends: "interrupted" },
  "cluster set-timeout": { words: ["cluster", "60001"], ends: "interrupted" },
  "cluster call": { words: ["cluster", "ping"], ends: "interrupted" },
  apply: { words: ["plan.json"], ends: "interrupted" },
  init: { words: ["a-new-project"], ends: 0 },
  list: { words: [], ends: 0 },
  env: { words: ["cluster"], ends: 0 },
  completion: { words: ["print", "--shell", "bash"], ends: 0 },
  exec: { words: ["cluster", "--role", "master", "--", "true"], ends: "interrupted" },
  stop: { words: ["cluster", "redis-38:6379"], ends: "interrupted", itself: true, waits: "the instance is to end" },
  start: { words: ["cluster", "redis-38:6379"], ends: 0, itself: true },
  restart: { words: ["cluster", "redis-38:6379"], ends: "interrupted", itself: true, waits: "the instance is to end" },
  // They ask the hosts alone.
  fault: { words: ["cluster"], ends: 0 },
  heal: { words: ["cluster"], ends: 0 },
  // It needs no answer. That of a lab which is not up has nothing to end, and takes nothing from the others.
  kill: { words: ["idle", "redis-18:6379"], ends: 1 },
};

let project: TestProject;
const stopped: { readonly pid: number; readonly endpoint: string }[] = [];

beforeAll(async () => {
  project = await makeProject();
  await project.write(cluster, sentinel, idle);
  await Promise.all([project.ok(["up", "cluster"]), project.ok(["up", "sentinel"])]);
  await project.ok(["cluster", "reshard", "cluster", "--from", "all", "--to", "redis-18", "--slots", "10", "--plan", "plan.json"]);
  await project.ok(["cluster", "backup", "cluster", "backup"]);
  for (const server of await serversIn(project.folder)) {
    const silent = [endpointOf(cluster.network.loopback, 38, 6379), endpointOf(sentinel.network.loopback, 38, 6379)];
    if (!silent.includes(server.endpoint)) continue;
    process.kill(server.pid, "SIGSTOP");
    stopped.push(server);
  }
  expect(stopped).toHaveLength(2);
});
afterAll(async () => {
  for (const { pid } of stopped) process.kill(pid, "SIGCONT");
  await project?.remove();
});

test("every verb is tried", async () => {
  expect(Object.keys(CASES).sort()).toEqual((await everyVerb()).map(({ command }) => command).sort());
});

// Several at once, but not so many that they wait for each other's processor. Those of the lab itself take its lock.
const limits = { copy: pLimit(5), itself: pLimit(1) };

const SAMPLE: ReadonlySet<string> = new Set(
  [
    "up",
    "plan",
    "status",
    "down",
    "doctor",
    "ssh",
    "cli",
    "failover",
    "exec",
    "stop",
    "start",
    "kill",
    "apply",
    "load",
    "drill run",
    "drill matrix",
  ].concat(["check", "fix", "reshard", "failover", "del-node", "backup", "import"].map((verb) => `cluster ${verb}`)),
);
const cases = casesOf(Object.entries(CASES).map(([name, each]) => ({ name, each, sample: SAMPLE.has(name) })));

test.concurrent.each(cases.map(({ name, each }) => [name, each] as const))("%s", async (command, each) => {
  await limits[each.itself === true ? "itself" : "copy"](() => tryOut(command, each));
});

async function tryOut(command: string, { words, ends, itself, signal = "SIGINT", waits }: Case): Promise<void> {
  const folder = itself === true ? project.folder : await copyFor(command);
  const args = [...command.split(" "), ...words.map(filledIn)];
  const begin = performance.now();
  const { child, result } = project.start(args, { cwd: folder });
  const reached = await Promise.race([result.then(() => false), untilStuck(child, waits)]);
  const stuck = performance.now();
  if (reached) child.kill(signal);
  const ended = await result;
  const ms = performance.now() - stuck;
  const said = text(args, ended);
  expect(ended.stderr, said).not.toMatch(/^\s+at |defect/m);
  expect(reached, said).toBe(ends === "interrupted");
  expect(ended.code, said).toBe(ends === "interrupted" ? 130 : ends);
  // A busy computer takes as much longer to end it as it took to start it, or more. Who does not hear the signal asks the instance for five seconds and longer.
  if (reached) expect(ms, said).toBeLessThan(2_500 + 3 * (stuck - begin));
}

test("down, in the middle of stopping the instance", async () => {
  const start = performance.now();
  let begin = 0;
  const { result } = project.start(["down", "cluster"], {
    onLine: (line, child) => {
      if (!line.startsWith("redis-38 stop started")) return;
      begin = performance.now();
      child.kill("SIGINT");
    },
  });
  const ended = await result;
  expect(ended.code, ended.stderr).toBe(130);
  expect(performance.now() - begin).toBeLessThan(2_500 + 3 * (begin - start));
});

function text(args: readonly string[], { code, stdout, stderr }: CliResult): string {
  return `redis-lab ${args.join(" ")} ended with ${code}\n${stderr}\n${stdout}`;
}

function endpointOf(loopback: string, number: number, port: number): string {
  return `${loopback.split(".").slice(0, 3).join(".")}.${number}:${port}`;
}

function filledIn(word: string): string {
  if (word === "REDIS-38:6379") return endpointOf(cluster.network.loopback, 38, 6379);
  return word === "SERVER" ? join(process.env["REDIS_LAB_TEST_BIN"] ?? "", "redis-server") : word;
}

/** A project that remembers the same labs, for a verb that holds the lock and touches no process. */
async function copyFor(command: string): Promise<string> {
  const copy = join(project.folder, `copy for ${command}`);
  await mkdir(copy);
  for (const name of ["stacks", "plan.json", "backup"]) await cp(join(project.folder, name), join(copy, name), { recursive: true });
  await cp(join(project.folder, ".redis-lab"), join(copy, ".redis-lab"), {
    recursive: true,
    filter: (from) => !from.includes("/hosts") && !from.includes(".lock"),
  });
  return copy;
}

/** True once a process waits for one of the instances. */
async function untilStuck({ pid = 0 }: ChildProcess, waits: Case["waits"]): Promise<boolean> {
  const isStuck = { "its child runs": hasChild, "the instance is to end": isToEnd };
  const look = async () => ((await (waits === undefined ? isConnected : isStuck[waits])(pid)) ? done : waiting);
  await waitFor(look, { what: "a verb to speak to the instance", timeoutMs: 60_000, intervalMs: 20 });
  return true;
}

const done = { done: true, value: undefined } as const;
const waiting = { done: false, missing: "its connection" } as const;

async function isConnected(pid: number): Promise<boolean> {
  const table = await readFile("/proc/net/tcp", "utf8");
  const remotes = stopped.map(({ endpoint }) => hexadecimal(endpoint));
  // local_address rem_address st … inode (proc_net_tcp of the kernel's documentation); state 01 is ESTABLISHED.
  const inodes = table.split("\n").flatMap((line) => {
    const [, , remote = "", state, , , , , , inode] = line.trim().split(/\s+/);
    return state === "01" && remotes.includes(remote) ? [`socket:[${inode}]`] : [];
  });
  const names = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const links = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => "")));
  return links.some((link) => inodes.includes(link));
}

/** `127.0.1.38:6379` → `2601007F:18EB`: the address in the order of the processor's bytes. */
function hexadecimal(endpoint: string): string {
  const [address = "", port] = endpoint.split(":");
  const hex = (value: unknown, digits: number) => Number(value).toString(16).toUpperCase().padStart(digits, "0");
  const bytes = address.split(".").map((byte) => hex(byte, 2));
  return `${bytes.reverse().join("")}:${hex(port, 4)}`;
}

/** SIGTERM waits for the process to go on: bit 14 of ShdPnd (proc_pid_status(5)). */
async function isToEnd(): Promise<boolean> {
  const all = await Promise.all(stopped.map(({ pid }) => readFile(`/proc/${pid}/status`, "utf8")));
  return all.some((status) => (BigInt(`0x${/^ShdPnd:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`) & (1n << 14n)) !== 0n);
}

async function hasChild(pid: number): Promise<boolean> {
  return (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "")).trim() !== "";
}
