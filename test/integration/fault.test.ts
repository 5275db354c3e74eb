import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import type { FaultReport } from "../../lib/operations/fault-verbs.ts";
import { type CliResult, makeProject, serversIn, smallCluster, smallReplication, type TestProject } from "../support/project.ts";
import { startServer, type TestServer } from "../support/redis.ts";

// Faults as a user makes them: what they do to the lab, that the hosts heal themselves, what is left of a redis-lab that was killed in the middle, and that a Redis of others on the same addresses notices nothing.

/** Failovers are none of this file's matter. */
const lab = smallCluster({
  disposable: true,
  layout: {
    kind: "cluster",
    masters: ["redis-18", "redis-28", "redis-38"],
    replicas: { "redis-58": "redis-18", "redis-68": "redis-28", "redis-48": "redis-38" },
    nodeTimeoutMs: 600_000,
  },
});
const kept = smallReplication({ name: "kept" });
const network = `${lab.network.loopback.split(".").slice(0, 3).join(".")}.`;
let project: TestProject;
let bystanders: readonly TestServer[];

beforeAll(async () => {
  project = await makeProject();
  await project.write(lab, kept);
  await project.ok(["up", lab.name]);
  bystanders = await Promise.all(lab.hosts.map(({ address }) => startServer({ address: address.replace(/^.*\./, network), port: 7777 })));
});
afterAll(async () => {
  for (const bystander of bystanders ?? []) await bystander.stop();
  await project?.remove();
});
afterEach(async () => {
  await project.ok(["heal", lab.name]);
  // What was not meant is the same process as before, and is not stopped.
  for (const { process } of bystanders) expect(stateOf(await readFile(`/proc/${process.pid}/stat`, "utf8"))).toMatch(/[SR]/);
});

const stateOf = (text: string) => text.slice(text.lastIndexOf(")") + 2, text.lastIndexOf(")") + 3);
const fault = (...words: readonly string[]) => project.run(["fault", lab.name, ...words]);
const made = async (...words: readonly string[]): Promise<FaultReport> =>
  JSON.parse((await project.ok(["fault", lab.name, ...words, "--json"])).stdout) as FaultReport;
const hostFolder = (host: string) => join(project.folder, ".redis-lab", lab.name, "local", "hosts", host, "apps", "redis");

/** Process id and state of an instance; undefined where it does not run. */
async function processOf(number: number): Promise<{ readonly pid: number; readonly state: string } | undefined> {
  const server = (await serversIn(project.folder)).find(({ endpoint }) => endpoint.endsWith(`.${number}:6379`));
  if (server === undefined) return undefined;
  const text = await readFile(`/proc/${server.pid}/stat`, "utf8").catch(() => "");
  return text === "" ? undefined : { pid: server.pid, state: stateOf(text) };
}

async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  await waitFor(async () => ((await look()) ? { done: true, value: undefined } : { done: false, missing: what }), {
    what,
    timeoutMs: 60_000,
    intervalMs: 20,
  });
}

/** Folders of faults on the hosts, and the processes that wait for a deadline. */
async function leftovers(): Promise<readonly string[]> {
  const hosts = await readdir(join(project.folder, ".redis-lab", lab.name, "local", "hosts"));
  const folders = await Promise.all(
    hosts.map((host) => readdir(join(hostFolder(host), ".redis-lab", "faults", lab.name)).catch((): string[] => [])),
  );
  const timers = (await readdir("/proc")).filter((pid) => /^\d+$/.test(pid));
  const commands = await Promise.all(timers.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return [
    ...folders.flat(),
    ...commands.filter((command) => command.includes(project.folder) && /\/faults\/.*\/(wait|loop)/.test(command)),
  ];
}

describe("what a fault does, and what undoes it", () => {
  test("hang: the process stands still, for everybody who asks, until the host heals itself", async () => {
    const before = await processOf(28);
    const report = await made("hang", "redis-28", "--for", "3s");
    expect(report).toMatchObject({ fault: "hang", touched: ["redis-28:6379"], undoable: true });
    expect(report.toMicros - report.fromMicros).toBeGreaterThan(0);
    expect(await processOf(28)).toEqual({ pid: before?.pid, state: "T" });
    const folder = join(hostFolder("redis-28"), ".redis-lab", "faults", lab.name, report.id);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    await until("it to go on", async () => (await processOf(28))?.state === "S");
    await until("nothing to be left", async () => (await leftovers()).length === 0);
    expect((await processOf(28))?.pid).toBe(before?.pid);
  });

  test("hang: heal ends it at once, with what waited for the deadline, and a second heal has nothing to do", async () => {
    await made("hang", "redis-28", "redis-38:6379", "--for", "10m");
    expect((await project.ok(["fault", lab.name])).stdout).toMatch(/^hang of redis-28:6379, redis-38:6379, since .*, until /);
    expect((await project.ok(["heal", lab.name])).stdout).toContain("hang of redis-28:6379, redis-38:6379 undone on redis-28, redis-38");
    expect([(await processOf(28))?.state, (await processOf(38))?.state]).toEqual(["S", "S"]);
    expect(await leftovers()).toEqual([]);
    expect((await project.ok(["heal", lab.name])).stdout).toContain("no fault was open");
  });

  test("kill: it saves nothing, and heal starts it", async () => {
    const before = await processOf(68);
    expect((await fault("kill", "replica-of:redis-28")).stdout).toContain(`redis-68:6379 killed (process ${before?.pid})`);
    expect(await processOf(68)).toBeUndefined();
    expect((await fault("kill", "redis-68")).stderr).toContain("nothing of the lab runs there: redis-68:6379");
    await project.ok(["heal", lab.name]);
    await until("its next process", async () => (await processOf(68)) !== undefined);
  });

  test("stop and power: what ended is started at the deadline, by the host alone", async () => {
    const before = [await processOf(58), await processOf(68)];
    await made("stop", "redis-58:6379", "--for", "2s");
    await made("reboot", "redis-68");
    for (const [index, number] of [58, 68].entries())
      await until(`another process of redis-${number}`, async () => {
        const now = await processOf(number);
        return now !== undefined && now.pid !== before[index]?.pid;
      });
    await until("nothing to be left", async () => (await leftovers()).length === 0);
  });

  test("flapping: by turns, until it ends", async () => {
    await made("flapping", "master-of:slot:12000", "--every", "400ms", "--for", "10m");
    for (const state of ["T", "S", "T", "S"]) await until(`the state ${state}`, async () => (await processOf(38))?.state === state);
    await project.ok(["heal", lab.name]);
    expect((await processOf(38))?.state).toBe("S");
    expect(await leftovers()).toEqual([]);
  });

  test("restart-empty: it is the same node without its data, which are beside it", async () => {
    await project.call(lab, "redis-18:6379", "SET", "{b}key", "value");
    await project.call(lab, "redis-18:6379", "SAVE");
    const nodeId = String(await project.call(lab, "redis-18:6379", "CLUSTER", "MYID"));
    const report = await made("restart-empty", "redis-18");
    expect(report).toMatchObject({ undoable: false });
    await until("an answer", async () => String(await project.call(lab, "redis-18:6379", "PING").catch(() => "")) === "PONG");
    expect(await project.call(lab, "redis-18:6379", "DBSIZE")).toBe(0);
    expect(String(await project.call(lab, "redis-18:6379", "CLUSTER", "MYID"))).toBe(nodeId);
    expect(await readdir(join(hostFolder("redis-18"), "data", `emptied-${report.id}-6379`))).toContain("dump-6379.rdb");
    expect(await leftovers()).toEqual([]);
  });

  test("memory-full: writes are refused, no key goes, and the settings come back", async () => {
    const setting = async (name: string) => (await project.call(lab, "redis-28:6379", "CONFIG", "GET", name)) as readonly unknown[];
    const before = [await setting("maxmemory"), await setting("maxmemory-policy")];
    await project.call(lab, "redis-28:6379", "SET", "{c}kept", "1");
    await made("memory-full", "redis-28");
    await expect(project.call(lab, "redis-28:6379", "SET", "{c}more", "1")).rejects.toThrow(/OOM/);
    expect(String(await project.call(lab, "redis-28:6379", "GET", "{c}kept"))).toBe("1");
    await project.ok(["heal", lab.name]);
    expect([await setting("maxmemory"), await setting("maxmemory-policy")]).toEqual(before);
    expect(String(await project.call(lab, "redis-28:6379", "SET", "{c}more", "1"))).toBe("OK");
  });
});

describe("what is refused, with the way", () => {
  const cases: readonly (readonly [words: readonly string[], code: number, text: RegExp])[] = [
    [["partition", "redis-18"], 1, /partition can't be made on the target local.*\n.*target netns, ssh or libvirt can/],
    [["clock", "redis-18"], 1, /needs hosts with a clock of their own: VMs\.\n.*libvirt can/],
    [["disk-full", "redis-18"], 1, /disk-full can't be made on the target local/],
    [["hnag", "redis-18"], 64, /There is no fault "hnag"; did you mean "hang"\?/],
    [["hang"], 64, /whom it is to meet is missing/],
    [["hang", "redis-19"], 64, /has no host, instance or role of that name; did you mean/],
    [["hang", "master-of:slot:99999"], 64, /slots go from 0 to 16383/],
    [["hang", "host-with-two-masters"], 1, /no host has two masters at this moment/],
    [["hang", "redis-18", "--reject"], 64, /hang has no --reject/],
    [["restart-empty", "redis-18", "--for", "5s"], 64, /restart-empty has no --for/],
    [["hang", "redis-18", "--for", "0s"], 64, /is not a time/],
  ];
  test.each(cases)("fault %j", async (words, code, text) => {
    const result = await fault(...words);
    expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(text)]);
    expect(await leftovers()).toEqual([]);
  });

  test("a lab that is not disposable is left alone without --yes", async () => {
    const refused = await project.run(["fault", kept.name, "kill", "redis-18"]);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/not marked as disposable[\s\S]*fault kept kill redis-18 --yes/),
    ]);
    expect((await project.run(["fault", kept.name, "kill", "redis-18", "--yes"])).stderr).not.toContain("disposable");
  });

  test("a second fault that takes the same thing is refused, as the end of one would end both", async () => {
    await made("memory-full", "redis-28", "--for", "10m");
    for (const second of ["memory-full", "hang"] as const) {
      const { code, stderr } = await fault(second, "redis-28:6379", "--for", "10m");
      expect([code, stderr]).toEqual(
        second === "hang" ? [0, ""] : [1, expect.stringMatching(/memory-full is not undone there[\s\S]*heal cluster/)],
      );
    }
    expect((await fault("flapping", "redis-28")).stderr).toMatch(/hang is not undone there/);
  });

  test("a server of others on the port of an instance is not touched", async () => {
    await project.ok(["stop", lab.name, "redis-48:6379"]);
    const other = await startServer({ address: `${network}48`, port: 6379 });
    try {
      const { code, stderr } = await fault("kill", "redis-48:6379");
      expect([code, stderr]).toEqual([1, expect.stringContaining("nothing of the lab runs there")]);
      expect(stateOf(await readFile(`/proc/${other.process.pid}/stat`, "utf8"))).toBe("S");
    } finally {
      await other.stop();
      await project.ok(["start", lab.name, "redis-48:6379"]);
    }
  });
});

describe("a redis-lab that is killed in the middle", () => {
  /** Kills it as soon as the fault is noted down on this computer, or has been made. */
  async function killed(when: () => Promise<boolean>): Promise<CliResult> {
    const { child, result } = project.start(["fault", lab.name, "hang", "redis-28", "--for", "10m"]);
    while (child.exitCode === null && !(await when())) await new Promise((resolve) => setImmediate(resolve));
    child.kill("SIGKILL");
    return result;
  }
  const noted = async () => (await readdir(join(project.folder, ".redis-lab", lab.name, "local", "faults")).catch(() => [])).length > 0;
  const onHost = async () => (await leftovers()).length > 0;
  const stopped = async () => (await processOf(28))?.state === "T";

  test.each([
    ["after it was noted down here", noted],
    ["after it was noted down on the host", onHost],
    ["after it was made", stopped],
  ])("%s: doctor says what is left, and heal undoes it", async (_when, when) => {
    await killed(when);
    // What the host was told before goes on there.
    const { stdout } = await project.run(["doctor", lab.name]);
    if ((await leftovers()).length > 0)
      expect(stdout).toMatch(/redis-28:6379: the fault hang.*is not undone[\s\S]*Undo it: redis-lab heal cluster/);
    // A script of the killed one may still be noting the fault down.
    await until("nothing to be left", async () => {
      await project.ok(["heal", lab.name]);
      return (await leftovers()).length === 0 && (await processOf(28))?.state === "S";
    });
    expect((await project.run(["doctor", lab.name])).stdout).toMatch(/✓ faults/);
  });

  test("a fault whose timer was killed, too, is a problem for doctor", async () => {
    const { id } = await made("hang", "redis-28", "--for", "10m");
    const timer = await readFile(join(hostFolder("redis-28"), ".redis-lab", "faults", lab.name, id, "timer"), "utf8");
    process.kill(-Number(timer.split(" ")[0]), "SIGKILL");
    const { code, stdout } = await project.run(["doctor", lab.name]);
    expect([code, stdout]).toEqual([1, expect.stringMatching(/✗ redis-28:6379: the fault hang.*but nothing waits for that on redis-28/)]);
    await project.ok(["heal", lab.name]);
    expect((await processOf(28))?.state).toBe("S");
  });
});

test("down heals first: what stands still could not end", async () => {
  await made("hang", "redis-28", "--for", "10m");
  await made("kill", "redis-68", "--for", "10m");
  expect((await project.ok(["down", lab.name])).stdout).toContain("5 stopped");
  expect(await leftovers()).toEqual([]);
  expect(await serversIn(project.folder)).toEqual([]);
  await project.ok(["up", lab.name]);
});
