import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { UserIds } from "../../lib/base/process.ts";
import { waitFor } from "../../lib/base/wait.ts";
import type { ExecReport } from "../../lib/operations/exec.ts";
import type { FaultReport } from "../../lib/operations/fault-verbs.ts";
import type { Status } from "../../lib/operations/status.ts";
import { makeProject, smallReplication, type TestProject } from "../support/project.ts";

// Faults of the network on namespaces, as an ordinary user makes them: what no longer reaches whom, that redis-lab itself still sees everything, and that the traffic of others on the same hosts passes.

const BYSTANDER = 7777;
/** Where the tests run as root, the command line runs as another user. */
const PLAIN: UserIds | undefined = process.getuid?.() === 0 ? { uid: 61_100, gid: 61_100 } : undefined;
const lab = smallReplication({ name: "net", disposable: true, netns: { disk: "32mb" } });
const HOSTS = ["redis-18", "redis-28", "redis-38"] as const;
const addressOf = (host: string) => lab.hosts.find(({ name }) => name === host)?.address ?? "";
let project: TestProject;

beforeAll(async () => {
  project = await makeProject({ user: PLAIN });
  await project.write(lab);
  await project.ok(["up", lab.name, "--target", "netns"]);
  const others = join(project.folder, "others");
  await mkdir(others);
  for (const program of ["redis-server", "redis-cli"])
    await copyFile(
      join(project.folder, ".redis-lab", lab.name, "netns", "hosts", "redis-18", "apps", "redis", "bin", program),
      join(others, program),
    );
  await everywhere(
    `cd '${others}' && ./redis-server --port ${BYSTANDER} --bind 0.0.0.0 --protected-mode no --daemonize yes --save '' >/dev/null`,
  );
});
afterAll(async () => {
  await project?.run(["down", lab.name, "--purge", "--yes"]);
  await project?.remove();
});
afterEach(async () => {
  await project.ok(["heal", lab.name]);
  // Nothing of it is left on any host, and every host reaches every other.
  for (const { stdout } of await everywhere("nft list tables")) expect(stdout).not.toContain("redis_lab_");
  for (const to of HOSTS) for (const answer of Object.values(await pings(to, 6379))) expect(answer).toMatch(ANSWERS);
});

/** The lab's servers ask for a password. */
const ANSWERS = /NOAUTH|PONG/;

async function everywhere(command: string): Promise<ExecReport["hosts"]> {
  return (JSON.parse((await project.run(["exec", lab.name, "--json", "--", command])).stdout) as ExecReport).hosts;
}

/** What each host hears from a port of another within two seconds. */
async function pings(to: string, port: number): Promise<Readonly<Record<string, string>>> {
  const hosts = await everywhere(`timeout 2 '${project.folder}/others/redis-cli' -h ${addressOf(to)} -p ${port} ping 2>&1; :`);
  return Object.fromEntries(hosts.map(({ host, stdout }) => [host, stdout.trim()]));
}

async function made(...words: readonly string[]): Promise<FaultReport> {
  const report = JSON.parse((await project.ok(["fault", lab.name, ...words, "--json"])).stdout) as FaultReport;
  for (const to of HOSTS) expect(await pings(to, BYSTANDER)).toEqual(Object.fromEntries(HOSTS.map((host) => [host, "PONG"])));
  return report;
}

/** What the lab's clients hear from a port of a host within two seconds. */
async function clientPing(to: string): Promise<string> {
  const ping = `timeout 2 '${project.folder}/others/redis-cli' -h ${addressOf(to)} -p 6379 ping 2>&1; :`;
  return (await project.run(["shell", lab.name, "--", "sh", "-c", ping])).stdout.trim();
}

async function states(): Promise<readonly string[]> {
  return (JSON.parse((await project.run(["status", lab.name, "--json"])).stdout) as Status).rows.map(({ state }) => state);
}

test("partition: the sides do not reach each other, a side does, and redis-lab sees all", async () => {
  await made("partition", "redis-18,redis-28", "--for", "10m");
  expect(await pings("redis-38", 6379)).toMatchObject({ "redis-18": "", "redis-28": "", "redis-38": expect.stringMatching(ANSWERS) });
  expect(await pings("redis-18", 6379)).toMatchObject({ "redis-28": expect.stringMatching(ANSWERS), "redis-38": "" });
  expect(await states()).toEqual(["up", "up", "up"]);
});

test("isolate with resets, until the host heals itself", async () => {
  await made("isolate", "master", "--reject", "--for", "20s");
  expect(await pings("redis-18", 6379)).toMatchObject({
    "redis-28": expect.stringMatching(/refused|reset/),
    "redis-38": expect.stringMatching(/refused|reset/),
  });
  await waitFor(
    async () => {
      const { stdout } = await project.ok(["fault", lab.name]);
      return stdout.includes("no fault is open") ? { done: true, value: undefined } : { done: false, missing: stdout };
    },
    { what: "the host to heal itself", timeoutMs: 90_000 },
  );
  expect((await pings("redis-18", 6379))["redis-28"]).toMatch(ANSWERS);
});

test("loss of all that a host sends", async () => {
  await made("loss", "redis-28", "--percent", "100", "--one-way", "--for", "10m");
  expect(await pings("redis-28", 6379)).toMatchObject({ "redis-18": "", "redis-38": "" });
});

test("power-off: silence, then nothing runs; and back", async () => {
  await made("power-off", "replica-of:redis-18", "--for", "10m");
  expect(await pings("redis-28", 6379)).toMatchObject({ "redis-18": "", "redis-38": "" });
  expect(await states()).toEqual(["up", "down", "up"]);
  await project.ok(["heal", lab.name]);
  await waitFor(
    async () => {
      const seen = await states();
      return seen[1] === "up" ? { done: true, value: undefined } : { done: false, missing: seen.join(" ") };
    },
    { what: "redis-28 to be back", timeoutMs: 120_000 },
  );
});

test("client: the lab's clients are a side of their own, or on one", async () => {
  expect((await made("partition", "redis-18", "client", "--for", "10m")).says.join()).toMatch(
    /between redis-18 and the lab's clients is dropped/,
  );
  expect([await clientPing("redis-18"), await clientPing("redis-28")]).toEqual(["", expect.stringMatching(ANSWERS)]);
  expect((await pings("redis-18", 6379))["redis-28"]).toMatch(ANSWERS);
  await project.ok(["heal", lab.name]);
  await made("partition", "redis-18,client", "--for", "10m");
  expect([await clientPing("redis-18"), await clientPing("redis-28"), await clientPing("redis-38")]).toEqual([
    expect.stringMatching(ANSWERS),
    "",
    "",
  ]);
  expect(await pings("redis-18", 6379)).toMatchObject({ "redis-18": expect.stringMatching(ANSWERS), "redis-28": "", "redis-38": "" });
  expect((await pings("redis-28", 6379))["redis-38"]).toMatch(ANSWERS);
});

test.each([
  [["redis-18,client", "client"], 64, /client: it is on both sides/],
  [["redis-18", "client", "--keep-clients"], 64, /client is named as a side, and --keep-clients leaves/],
  [["redis-18,redis-28,redis-38"], 64, /so that there is no other side/],
] as const)("partition %j is refused", async (words, code, text) => {
  const result = await project.run(["fault", lab.name, "partition", ...words]);
  expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(text)]);
});

test("disks of a host's own: full, read-only, and back", async () => {
  const write = async () => {
    const { stdout } = (await everywhere("dd if=/dev/zero of=data/tried bs=64k count=4 2>/dev/null && echo written; rm -f data/tried"))[1]!;
    return stdout.trim();
  };
  expect(await write()).toBe("written");
  await made("disk-full", "redis-28", "--for", "10m");
  expect(await write()).toBe("");
  expect((await project.run(["fault", lab.name, "disk-read-only", "redis-28"])).stderr).toMatch(/disk-full is not undone there/);
  await project.ok(["heal", lab.name]);
  expect(await write()).toBe("written");
  await made("disk-read-only", "redis-28", "--for", "10m");
  expect(await write()).toBe("");
  await project.ok(["heal", lab.name]);
  expect(await write()).toBe("written");
});
