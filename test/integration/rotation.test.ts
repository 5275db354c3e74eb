import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { wordsOf } from "../../lib/redis/words.ts";
import { changedOf, makeProject, serversIn, smallCluster, smallSentinel, type TestProject } from "../support/project.ts";
import { testedVersion } from "../support/redis.ts";
import { redisVersion } from "../support/versions.ts";
import { startWriter } from "../support/writer.ts";

// The password of a running lab is changed while a client writes all the time.

const cluster = smallCluster();
const sentinel = smallSentinel();
const addressOf = (loopback: string, number: number) => `${loopback.replace(/\.0\/24$/, "")}.${number}:6379`;
let project: TestProject;

beforeAll(async () => {
  project = await makeProject();
  await project.write(cluster, sentinel);
  await Promise.all([project.ok(["up", "cluster"]), project.ok(["up", "sentinel"])]);
});
afterAll(() => project.remove());

const secretsFile = (lab: string) => join(project.folder, ".redis-lab", lab, "secrets.json");
/** Of servers alone: a sentinel logs what it is told at run time, so it is restarted, one after the other. */
const pids = async () => (await serversIn(project.folder)).filter(({ command }) => !command.includes("[sentinel]")).map(({ pid }) => pid);

/** A client that has both passwords, as its owner gives it the new one before the change. */
function writer(lab: "cluster" | "sentinel") {
  const passwords = async () => {
    const stored: { password: string; previous?: string; applied?: string } = JSON.parse(await readFile(secretsFile(lab), "utf8"));
    return [...new Set([stored.password, stored.previous ?? "", stored.applied ?? "", ...seen])].filter((password) => password !== "");
  };
  const endpoints =
    lab === "cluster"
      ? [18, 28, 38, 48, 58, 68].map((number) => addressOf(cluster.network.loopback, number))
      : [addressOf(sentinel.network.loopback, 18)];
  return startWriter({ endpoints, passwords });
}
const seen: string[] = [];

async function refused(lab: typeof cluster, instance: string, password: string): Promise<boolean> {
  return project.client(lab, instance, password).then(
    () => false,
    (error: { code?: string }) => error.code === "redis.wrong-password",
  );
}

test.each([
  { lab: cluster, hosts: [18, 28, 38, 48, 58, 68] },
  { lab: sentinel, hosts: [18, 28, 38] },
])(
  "$lab.name: --rotate-password gives every instance a new password, without a restart of a server or a lost write",
  async ({ lab, hosts }) => {
    const old = await project.password(lab.name);
    seen.push(old);
    const before = await pids();
    const writing = writer(lab.name as "cluster");
    await project.ok(["up", lab.name, "--rotate-password"]);
    const { acknowledged, lost } = await writing.stop();
    expect(lost).toEqual([]);
    expect(acknowledged).toBeGreaterThan(100);
    const now = await project.password(lab.name);
    expect(now).not.toBe(old);
    expect(now).toMatch(/^[A-Za-z0-9_-]{32}$/);
    for (const number of hosts) expect(await refused(lab, `redis-${number}`, old), `redis-${number}`).toBe(true);
    if (lab === sentinel && wordsOf(redisVersion(testedVersion())).sentinel.takesPassword)
      for (const number of hosts) {
        expect(await refused(lab, `redis-${number}:26379`, old)).toBe(true);
        expect(await project.call(lab, `redis-${number}:26379`, "SENTINEL", "CKQUORUM", "mymaster")).toMatch(/^OK 3 usable/);
      }
    expect(await pids()).toEqual(before);
    expect(JSON.parse(await readFile(secretsFile(lab.name), "utf8"))).not.toHaveProperty("previous");
    const again = await project.ok(["up", lab.name]);
    expect(changedOf(again), again.stderr).toBe(0);
  },
);

test("a password that is edited in secrets.json is brought to every instance, even when the first run is killed", async () => {
  const old = await project.password("cluster");
  seen.push(old);
  const file = secretsFile("cluster");
  await writeFile(file, (await readFile(file, "utf8")).replace(`"password": "${old}"`, '"password": "Chosen_by-hand-0123456789abcdef"'));
  const before = await pids();
  const writing = writer("cluster");
  for (const when of [/redis-\d+ files changed/, /redis-[46]8 files changed/]) {
    await project.run(["up", "cluster"], { onLine: (line, child) => void (when.test(line) && child.kill("SIGKILL")) });
  }
  await project.ok(["up", "cluster"]);
  const { lost } = await writing.stop();
  expect(lost).toEqual([]);
  expect(await project.call(cluster, "redis-18", "PING")).toBe("PONG");
  for (const number of [18, 28, 38, 48, 58, 68]) expect(await refused(cluster, `redis-${number}`, old)).toBe(true);
  expect(await pids()).toEqual(before);
  // Replication and the bus work with the new one: a failover would find its replicas in step.
  const status = await project.ok(["status", "cluster"]);
  expect(status.stdout).toContain("healthy");
  expect(changedOf(await project.ok(["up", "cluster"]))).toBe(0);
});

test("a rotation that was killed before it began, and asked for again, still ends with one password", async () => {
  const old = await project.password("cluster");
  const { child, result } = project.start(["up", "cluster", "--rotate-password"]);
  const timer = setInterval(() => {
    void project.password("cluster").then((password) => password !== old && child.kill("SIGKILL"));
  }, 5);
  await result;
  clearInterval(timer);
  await project.ok(["up", "cluster", "--rotate-password"]);
  for (const number of [18, 28, 38, 48, 58, 68]) {
    expect(await refused(cluster, `redis-${number}`, old)).toBe(true);
    expect(await project.call(cluster, `redis-${number}`, "PING")).toBe("PONG");
  }
});

test("a weak or illegal password is refused before anything is touched", async () => {
  const before = await pids();
  for (const password of ["123456", "with blank", 'quo"te', "short"]) {
    const result = await project.run(["up", "cluster"], { env: { REDIS_LAB_PASSWORD: password } });
    expect(result.code, password).toBe(1);
    expect(result.stderr).toContain("REDIS_LAB_PASSWORD");
    expect(result.stderr + result.stdout, "it is not repeated").not.toContain(`"${password}"`);
  }
  expect(await pids()).toEqual(before);
  expect(changedOf(await project.ok(["up", "cluster"]))).toBe(0);
});
