import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { keySlot } from "../../lib/cluster/model/slots.ts";
import type { HistoryHeader, OperationLine } from "../../lib/drill/history.ts";
import { valueNumber } from "../../lib/drill/load/keys.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import type { CleanedLoads } from "../../lib/operations/clean-loads.ts";
import type { LoadReport } from "../../lib/operations/load.ts";
import { minReplicasToWrite } from "../../lib/redis/commands.ts";
import { makeProject, processesIn, smallCluster, smallReplication, smallSentinel, type TestProject } from "../support/project.ts";

// Loads of running labs, as a user makes them: every operation is accounted for, whatever happens to the lab, the load or redis-lab meanwhile.

const cluster = smallCluster();
const sentinel = smallSentinel();
const replication = smallReplication();
let project: TestProject;

beforeAll(async () => {
  project = await makeProject();
  await project.write(cluster, sentinel, replication);
  await Promise.all([cluster, sentinel, replication].map(({ name }) => project.ok(["up", name])));
});
afterAll(() => project?.remove());

interface Account {
  readonly invoke: Extract<OperationLine, { readonly k: "invoke" }>;
  readonly outcome: Exclude<OperationLine, { readonly k: "invoke" | "unsent" }> | undefined;
}

/** Every operation of a history with its outcome. A torn last line is none. */
async function accountsOf(folder: string): Promise<ReadonlyMap<number, Account>> {
  const accounts = new Map<number, Account>();
  const text = await readFile(join(folder, "operations.jsonl"), "utf8");
  const whole = text.slice(0, text.lastIndexOf("\n"));
  for (const line of whole.split("\n")) {
    const read = JSON.parse(line) as OperationLine;
    const known = accounts.get(read.o);
    if (read.k === "unsent")
      for (let o = read.o; o < read.o + read.n; o += 1)
        accounts.set(o, { invoke: { ...read, k: "invoke", o, key: "" }, outcome: { k: "fail", o, t: read.t, error: read.error } });
    else if (read.k === "invoke") accounts.set(read.o, { invoke: read, outcome: undefined });
    else if (known === undefined) throw new Error(`an outcome without its operation: ${line}`);
    else accounts.set(read.o, { ...known, outcome: read });
  }
  return accounts;
}

/** What a key holds at its master. */
async function heldBy(
  lab: LabInput,
  key: string,
  masters: readonly { readonly instance: string; readonly ranges: readonly (readonly number[])[] }[],
): Promise<number | null> {
  const slot = keySlot(key);
  const master = masters.find(
    ({ ranges }) => ranges.length === 0 || ranges.some(([first = 0, last = first]) => slot >= first && slot <= last),
  );
  if (master === undefined) throw new Error(`no master has slot ${slot}`);
  return valueNumber((await clientOf(lab, master.instance).then((client) => client.call(["GET", key]))) as string | null);
}

const clients = new Map<string, ReturnType<TestProject["client"]>>();
function clientOf(lab: LabInput, instance: string): ReturnType<TestProject["client"]> {
  const key = `${lab.name} ${instance}`;
  const found = clients.get(key) ?? project.client(lab, instance);
  clients.set(key, found);
  return found;
}

async function mastersOf(lab: LabInput) {
  const { stdout } = await project.run(["status", lab.name, "--json"]);
  const { rows } = JSON.parse(stdout) as { rows: { role: string; state: string; instance: string; slots: string }[] };
  return rows
    .filter(({ role, state }) => role === "master" && state === "up")
    .map(({ instance, slots }) => ({
      instance,
      ranges: slots === "" ? [] : slots.split(/[, ]+/).map((range) => range.split("-").map(Number)),
    }));
}

/** What the report says is what the ledger says, and the ledger accounts for every operation once. */
function expectAccounted(report: LoadReport, accounts: ReadonlyMap<number, Account>): void {
  const count = (k: string) => [...accounts.values()].filter(({ outcome }) => outcome?.k === k).length;
  const { summary } = report;
  expect({ ok: count("ok"), fail: count("fail"), unknown: count("unknown") }).toEqual({
    ok: summary.acknowledged,
    fail: summary.failed,
    unknown: summary.unknown,
  });
  expect(accounts.size).toBe(summary.operations);
  expect([...accounts.values()].every(({ outcome }) => outcome !== undefined)).toBe(true);
}

/** Acknowledged values that are not there, and what counters and registers hold that they can't. */
async function faultsOf(lab: LabInput, accounts: ReadonlyMap<number, Account>): Promise<readonly string[]> {
  const masters = await mastersOf(lab);
  const faults: string[] = [];
  const registers = new Map<string, { acknowledged: number; highest: number }>();
  const counters = new Map<string, { least: number; most: number }>();
  const writes: Account["invoke"][] = [];
  for (const { invoke, outcome } of accounts.values()) {
    const { key, v = 0 } = invoke;
    if (invoke.op === "write" && outcome?.k === "ok") writes.push(invoke);
    if (invoke.op === "register" && outcome?.k !== "fail") {
      const { acknowledged, highest } = registers.get(key) ?? { acknowledged: 0, highest: 0 };
      registers.set(key, { acknowledged: outcome?.k === "ok" ? Math.max(acknowledged, v) : acknowledged, highest: Math.max(highest, v) });
    }
    if (invoke.op === "count" && outcome?.k !== "fail") {
      const { least, most } = counters.get(key) ?? { least: 0, most: 0 };
      counters.set(key, { least: least + (outcome?.k === "ok" ? 1 : 0), most: most + 1 });
    }
  }
  for (const { key, v } of writes) if ((await heldBy(lab, key, masters)) !== v) faults.push(`${key} was acknowledged and is not there`);
  for (const [key, { acknowledged, highest }] of registers) {
    const value = (await heldBy(lab, key, masters)) ?? 0;
    if (value < acknowledged || value > highest) faults.push(`${key} holds ${value}, not ${acknowledged} to ${highest}`);
  }
  for (const [key, { least, most }] of counters) {
    const value = (await heldBy(lab, key, masters)) ?? 0;
    if (value < least || value > most) faults.push(`${key} counted to ${value}, not ${least} to ${most}`);
  }
  return faults;
}

async function load(lab: LabInput, ...words: string[]): Promise<LoadReport> {
  const { stdout } = await project.ok(["load", lab.name, "--json", "--timeout", "20s", ...words]);
  return JSON.parse(stdout);
}

async function keysLeft(lab: LabInput): Promise<number> {
  const counts = await Promise.all(
    (await mastersOf(lab)).map(async ({ instance }) => Number(await (await clientOf(lab, instance)).call(["DBSIZE"]))),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

test.each([
  ["cluster", cluster, ["--keys", "zipf", "--pipeline", "2"]],
  ["sentinel", sentinel, ["--size", "100", "--reads", "0.5"]],
  ["replication", replication, ["--keys", "hot", "--wait", "1"]],
] as const)("a healthy %s lab: all is acknowledged, all of it is there, and the history says so", async (_kind, lab, words) => {
  const report = await load(lab, "--rate", "300", "--for", "3s", "--keep", "--seed", "5", ...words);
  expect(report.summary).toMatchObject({ operations: 900, acknowledged: 900, failed: 0, unknown: 0, errors: {} });
  const accounts = await accountsOf(report.folder);
  expectAccounted(report, accounts);
  expect(await faultsOf(lab, accounts)).toEqual([]);
  for (const { invoke, outcome } of accounts.values()) if (invoke.op === "read" && outcome?.k === "ok") expect(outcome.v).toBe(invoke.v);
  const header: HistoryHeader = JSON.parse(await readFile(join(report.folder, "header.json"), "utf8"));
  expect(header).toMatchObject({ format: 1, lab: lab.name, target: "local", layout: lab.layout.kind, seed: 5 });
  expect(new Set([...accounts.values()].map(({ invoke }) => invoke.w))).toEqual(new Set(header.writers.map(({ id }) => id)));
  expect((await stat(report.folder)).mode & 0o777).toBe(0o700);
  for (const file of await readdir(report.folder)) expect((await stat(join(report.folder, file))).mode & 0o777, file).toBe(0o600);
  const password = await project.password(lab.name);
  for (const file of await readdir(report.folder)) expect(await readFile(join(report.folder, file), "utf8")).not.toContain(password);
});

test("its keys go with it, and no other key of the lab", async () => {
  const [master] = await mastersOf(sentinel);
  const client = await clientOf(sentinel, master?.instance ?? "");
  await client.call(["FLUSHALL"]);
  await client.call(["SET", "load:mine", "stays"]);
  const report = await load(sentinel, "--rate", "300", "--for", "1s");
  expect(report.keys?.left).toBe(0);
  expect(report.keys?.removed).toBeGreaterThan(100);
  expect(await keysLeft(sentinel)).toBe(1);
  expect(await client.call(["GET", "load:mine"])).toBe("stays");
});

/** Starts a load, and resolves once it has written something down. */
async function underLoad(lab: LabInput, ...words: string[]) {
  const folder = join(project.folder, ".redis-lab", lab.name, "local", "drills");
  const before = new Set(await readdir(folder).catch(() => []));
  const run = project.start(["load", lab.name, "--json", ...words]);
  const history = await waitFor(
    async () => {
      const found = (await readdir(folder).catch(() => [])).find((name) => !before.has(name));
      const sizeOf = (name: string) =>
        stat(join(folder, name, "operations.jsonl")).then(
          ({ size }) => size,
          () => 0,
        );
      const lines = found === undefined ? 0 : await sizeOf(found);
      return found !== undefined && lines > 5_000 ? { done: true, value: join(folder, found) } : { done: false, missing: "operations" };
    },
    { what: "the load to run", timeoutMs: 120_000, intervalMs: 20 },
  );
  return { ...run, history };
}

test("more than can be done is asked for: what can be done is done, and all of it is accounted for", async () => {
  const report = await load(replication, "--rate", "2000000", "--for", "3s", "--timeout", "1s");
  expect(report.summary.operations).toBe(6_000_000);
  expect(report.summary.acknowledged).toBeGreaterThan(3_000);
  expect(report.summary.notSent).toBeGreaterThan(1_000_000);
  expect(report.summary.acknowledged + report.summary.failed + report.summary.unknown).toBe(6_000_000);
  expect(report.keys?.left).toBe(0);
});

test("--ttl gives every key that is set its time, and --min-replicas is on every server for as long as the load lasts", async () => {
  const servers = (
    JSON.parse((await project.run(["status", sentinel.name, "--json"])).stdout) as { rows: { instance: string; role: string }[] }
  ).rows
    .filter(({ role }) => role === "master" || role === "replica")
    .map(({ instance }) => instance);
  const asked = () => Promise.all(servers.map(async (instance) => minReplicasToWrite(await clientOf(sentinel, instance))));
  const before = await asked();
  const words = ["--rate", "200", "--for", "600s", "--ttl", "500", "--reads", "0", "--min-replicas", "1", "--timeout", "20s"];
  const { child, result, history } = await underLoad(sentinel, ...words);
  expect(await asked()).toEqual(servers.map(() => 1));
  const [master] = await mastersOf(sentinel);
  const client = await clientOf(sentinel, master?.instance ?? "");
  const acknowledged = await waitFor(
    async () => {
      const found = [...(await accountsOf(history)).values()].filter(({ invoke, outcome }) => invoke.op === "write" && outcome?.k === "ok");
      return found.length > 10 ? { done: true, value: found } : { done: false, missing: "acknowledged writes" };
    },
    { what: "writes", timeoutMs: 60_000, intervalMs: 50 },
  );
  for (const { invoke } of acknowledged.slice(0, 10)) {
    const left = Number(await client.call(["TTL", invoke.key]));
    expect(left).toBeGreaterThan(300);
    expect(left).toBeLessThanOrEqual(500);
  }
  // Killed, it leaves both; `heal` and `load --clean` take them away.
  child.kill("SIGKILL");
  await result;
  expect(await asked()).toEqual(servers.map(() => 1));
  const healed = JSON.parse((await project.ok(["heal", sentinel.name, "--json"])).stdout) as { putBack: string[] };
  expect(healed.putBack.toSorted()).toEqual(servers.filter((_, index) => before[index] !== 1).toSorted());
  expect(await asked()).toEqual(before);
  expect(await client.call(["EXISTS", acknowledged[0]?.invoke.key ?? ""])).toBe(1);
  const { cleaned } = JSON.parse((await project.ok(["load", sentinel.name, "--clean", "--json"])).stdout) as CleanedLoads;
  expect(cleaned.find(({ folder }) => folder === history)).toMatchObject({ left: 0 });
  for (const { invoke } of acknowledged) expect(await client.call(["EXISTS", invoke.key])).toBe(0);
  expect((await project.ok(["load", sentinel.name, "--clean"])).stdout).toBe("no load left keys in sentinel\n");
});

test("a master that hangs: what it had is unknown, what could not be sent has failed, and it is loaded on when it goes on", async () => {
  const info = await project.call(replication, "redis-18:6379", "INFO", "server");
  const pid = Number(/^process_id:(\d+)/m.exec(String(info))?.[1]);
  const { result, history } = await underLoad(replication, "--rate", "200", "--for", "12s", "--timeout", "1s", "--writers", "4", "--keep");
  process.kill(pid, "SIGSTOP");
  await waitFor(
    async () => {
      const unknown = [...(await accountsOf(history)).values()].filter(({ outcome }) => outcome?.k === "unknown").length;
      return unknown >= 4 ? { done: true, value: undefined } : { done: false, missing: "operations without an answer" };
    },
    { what: "the hang to be seen", timeoutMs: 60_000, intervalMs: 50 },
  ).finally(() => process.kill(pid, "SIGCONT"));
  const { code, stdout, stderr } = await result;
  expect(code, stderr).toBe(0);
  const report: LoadReport = JSON.parse(stdout);
  const accounts = await accountsOf(history);
  expectAccounted(report, accounts);
  expect(report.summary.shards[0]?.writes.gapCount).toBeGreaterThan(0);
  const last = Math.max(...[...accounts.values()].flatMap(({ outcome }) => (outcome?.k === "ok" ? [outcome.t] : [])));
  const hung = Math.max(...[...accounts.values()].flatMap(({ outcome }) => (outcome?.k === "unknown" ? [outcome.t] : [])));
  expect(last).toBeGreaterThan(hung);
  expect(await faultsOf(replication, accounts)).toEqual([]);
});

test("without --wait, what a killed master takes with it is the last that it acknowledged, and no more than replication may be behind", async () => {
  const [master] = await mastersOf(sentinel);
  const { result, history } = await underLoad(
    sentinel,
    "--timeout",
    "5s",
    "--rate",
    "500",
    "--for",
    "10s",
    "--writers",
    "1",
    "--reads",
    "0",
    "--keep",
  );
  await project.ok(["kill", sentinel.name, master?.instance ?? ""]);
  const { code, stderr } = await result;
  expect(code, stderr).toBe(0);
  await project.ok(["up", sentinel.name]);
  // Those to what was killed are closed.
  clients.clear();
  const masters = await mastersOf(sentinel);
  const writes = [...(await accountsOf(history)).values()].filter(({ invoke, outcome }) => invoke.op === "write" && outcome?.k === "ok");
  expect(writes.length).toBeGreaterThan(20);
  // Up to the longest pause the old master acknowledged, after it the new one.
  const times = writes.map(({ outcome }) => outcome?.t ?? 0);
  const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  const split = pauses.indexOf(Math.max(...pauses)) + 1;
  const held = await Promise.all(writes.map(async ({ invoke }) => (await heldBy(sentinel, invoke.key, masters)) === invoke.v));
  expect(held.slice(split).every(Boolean)).toBe(true);
  const old = held.slice(0, split);
  const lost = old.indexOf(false);
  if (lost === -1) return;
  // A stream has no holes: behind the first that is missing nothing of the old master is there.
  expect(old.slice(lost).some(Boolean)).toBe(false);
  expect((times[split - 1] ?? 0) - (times[lost] ?? 0)).toBeLessThan(5_000_000);
});

test.each([
  ["cluster", cluster],
  ["sentinel", sentinel],
] as const)(
  "%s: a master is killed under load: what fails is counted, and what was acknowledged to one write at a time is there",
  async (_kind, lab) => {
    const [master] = await mastersOf(lab);
    const words = ["--timeout", "5s", "--rate", "200", "--for", "10s", "--writers", "1", "--keep", "--wait", "1"];
    const { result, history } = await underLoad(lab, ...words);
    await project.ok(["kill", lab.name, master?.instance ?? ""]);
    const { code, stdout, stderr } = await result;
    expect(code, stderr).toBe(0);
    const report: LoadReport = JSON.parse(stdout);
    expect(report.folder).toBe(history);
    const accounts = await accountsOf(history);
    expectAccounted(report, accounts);
    expect(report.summary.acknowledged).toBeGreaterThan(0);
    expect(report.summary.failed + report.summary.unknown).toBeGreaterThan(0);
    expect(report.summary.shards.some(({ writes, reads }) => writes.gapCount + reads.gapCount > 0)).toBe(true);
    await project.ok(["up", lab.name]);
    clients.clear();
    expect(await faultsOf(lab, accounts)).toEqual([]);
  },
);

test("Ctrl-C ends it in order, with its report and exit code 130", async () => {
  const { child, result } = project.start(["load", "replication", "--rate", "100", "--for", "600s"], {
    onLine: (line, process) => void (/acknowledged/.test(line) && process.kill("SIGINT")),
  });
  const { code, stdout, stderr } = await result;
  expect(child.signalCode).toBeNull();
  expect(code, stderr).toBe(130);
  expect(stdout).toMatch(/^replication on local was loaded for [\d.]+ s by \d+ writers/);
  expect(stdout).toMatch(/\d+ operations: \d+ acknowledged, \d+ failed/);
  for (const line of stdout.split("\n").filter((each) => !each.startsWith("history: "))) expect(line.length, line).toBeLessThanOrEqual(80);
  expect(stdout).toMatch(/keys of the load removed/);
});

test("kill -9 of redis-lab ends the load with it, and its history is whole up to there", async () => {
  const history = join(project.folder, "killed");
  const { child, result } = project.start(["load", "replication", "--rate", "500", "--for", "600s", "--history", history]);
  await waitFor(
    async () => {
      const size = await stat(join(history, "operations.jsonl")).then(
        (found) => found.size,
        () => 0,
      );
      return size > 50_000 ? { done: true, value: undefined } : { done: false, missing: `operations, ${size} bytes so far` };
    },
    { what: "the load to run", timeoutMs: 120_000, intervalMs: 20 },
  );
  child.kill("SIGKILL");
  await result;
  await waitFor(
    async () => {
      const left = (await processesIn(project.folder)).filter(({ command }) => command.includes("worker-main"));
      return left.length === 0 ? { done: true, value: undefined } : { done: false, missing: `the end of ${left[0]?.pid}` };
    },
    { what: "the worker to end", timeoutMs: 60_000, intervalMs: 50 },
  );
  const accounts = await accountsOf(history);
  expect(accounts.size).toBeGreaterThan(100);
  // What was under way has no outcome, and that is all.
  const header: HistoryHeader = JSON.parse(await readFile(join(history, "header.json"), "utf8"));
  expect([...accounts.values()].filter(({ outcome }) => outcome === undefined).length).toBeLessThanOrEqual(header.writers.length);
});

test("kill -9 of the worker is an error that says where the history is, and what it wrote counts", async () => {
  const history = join(project.folder, "worker-killed");
  const run = project.start(["load", "replication", "--rate", "500", "--for", "600s", "--history", history, "--json"]);
  const worker = await waitFor(
    async () => {
      const size = await stat(join(history, "operations.jsonl")).then(
        (found) => found.size,
        () => 0,
      );
      const [found] = (await processesIn(project.folder)).filter(({ command }) => command.includes("worker-main"));
      return found !== undefined && size > 20_000 ? { done: true, value: found } : { done: false, missing: "operations" };
    },
    { what: "the load to run", timeoutMs: 120_000, intervalMs: 20 },
  );
  process.kill(worker.pid, "SIGKILL");
  const { code, stdout } = await run.result;
  expect(code).toBe(1);
  expect(JSON.parse(stdout).error).toMatchObject({ code: "drill.load-broke", why: expect.stringContaining(history) });
  expect((await accountsOf(history)).size).toBeGreaterThan(50);
});

test("a lab that does not run is not loaded", async () => {
  await project.ok(["down", "replication"]);
  const { code, stdout } = await project.run(["load", "replication", "--for", "1s", "--json"]);
  expect(code).toBe(1);
  expect(JSON.parse(stdout).error.what).toMatch(/no master|nothing|No /i);
});
