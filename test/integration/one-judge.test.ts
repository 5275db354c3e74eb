import { mkdir, readFile, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import { parseClusterNodes } from "../../lib/redis/cluster-nodes.ts";
import { parseInfo } from "../../lib/redis/info.ts";
import { CALM_MS, type CliResult, makeProject, serversIn, smallCluster, type TestProject } from "../support/project.ts";
import { save } from "../support/save.ts";

// One real lab in one broken state after the other: no verb overlooks what another one sees, who gives no answer is named, and every command that is shown leads on as it stands.

const lab = smallCluster({
  hosts: numberedHosts("192.168.1", [18, 28, 38, 48, 58, 68, 78]),
  layout: {
    kind: "cluster",
    masters: ["redis-18", "redis-28", "redis-38"],
    replicas: { "redis-58": "redis-18", "redis-68": "redis-28", "redis-48": "redis-38" },
    standby: ["redis-78"],
    nodeTimeoutMs: CALM_MS,
  },
});
const NAMED = ["--labs", "stacks/labs.mjs", "--target", "local"];
let project: TestProject;

beforeAll(async () => {
  project = await makeProject();
  await project.write(lab);
  await project.ok(["up", "cluster"]);
});
afterAll(() => project.remove());

const run = (...words: readonly string[]) => project.run([...words, ...NAMED]);
const plain = ({ stdout, stderr }: CliResult) => `${stdout}\n${stderr}`;

async function kill(host: string): Promise<void> {
  const file = join(project.folder, ".redis-lab/cluster/local/hosts", host, "apps/redis/run/redis-6379.pid");
  process.kill(Number(await readFile(file, "utf8")), "SIGKILL");
  await gone(host);
}

const gone = (host: string) =>
  waitFor(
    async () => {
      const left = (await serversIn(project.folder)).some(({ endpoint }) => endpoint.includes(`.${host.split("-")[1]}:`));
      return left ? { done: false, missing: `the end of ${host}` } : { done: true, value: undefined };
    },
    { what: `${host} to end`, timeoutMs: 60_000, intervalMs: 50 },
  );

/** The verbs that judge, side by side: what each ends with and says. */
async function judged() {
  const [status, check, wait, call, doctor] = await Promise.all([
    run("status", "cluster", "--json"),
    run("cluster", "check", "cluster", "--json"),
    run("cluster", "wait", "cluster", "--timeout", "0.1"),
    run("cluster", "call", "cluster", "ping", "--json"),
    run("doctor", "cluster"),
  ]);
  return { status, check, wait, call, doctor };
}

test("a healthy lab is healthy to every verb", async () => {
  const { status, check, wait, call } = await judged();
  expect([status.code, check.code, wait.code, call.code]).toEqual([0, 0, 0, 0]);
  expect(JSON.parse(check.stdout)).toMatchObject({ ok: true, absent: [], findings: [] });
});

test("a dead replica and a dead standby are named by all, and no firewall is accused", async () => {
  await Promise.all([kill("redis-48"), kill("redis-78")]);
  const { status, check, wait, call, doctor } = await judged();
  expect([status.code, check.code, wait.code, call.code, doctor.code]).toEqual([1, 1, 1, 1, 1]);
  const absent: readonly { instance: string }[] = JSON.parse(check.stdout).absent;
  expect(absent.map(({ instance }) => instance)).toEqual(["redis-48:6379", "redis-78:6379"]);
  const { replies }: { replies: readonly { instance: string; type: string }[] } = JSON.parse(call.stdout);
  expect(replies.filter(({ type }) => type === "error").map(({ instance }) => instance)).toEqual(["redis-48:6379", "redis-78:6379"]);
  for (const said of [status, wait, doctor]) expect(plain(said)).toMatch(/redis-48:6379[\s\S]*redis-78:6379/);
  expect(doctor.stdout).toContain("✓ ports");
  expect(doctor.stdout).not.toMatch(/firewalls/);
  for (const verb of ["topology", "info"]) {
    const { code, stdout } = await run("cluster", verb, "cluster");
    expect(code).toBe(0);
    expect(stdout).toMatch(/2 members give no answer:\n {2}redis-48:6379 {2}replica of redis-38:6379 .*\n {2}redis-78:6379 {2}standby /);
  }
  // What is shown can be typed.
  expect(status.stdout).toContain("`redis-lab up cluster --labs stacks/labs.mjs --target local` starts it.");
  expect(plain(wait)).toContain("redis-lab up cluster --labs stacks/labs.mjs --target local");
  await project.ok(["up", "cluster"]);
});

test("what can't be saved is found", async () => {
  const [, dir] = (await project.call(lab, "redis-18", "CONFIG", "GET", "dir")) as [string, string];
  const [, name] = (await project.call(lab, "redis-18", "CONFIG", "GET", "dbfilename")) as [string, string];
  const dump = join(dir, name);
  const saved = async (status: "ok" | "err") => {
    await save((...command) => project.call(lab, "redis-18", ...command), "BGSAVE");
    await expect
      .poll(async () => parseInfo(String(await project.call(lab, "redis-18", "INFO", "persistence"))), { timeout: 60_000 })
      .toMatchObject({ rdb_bgsave_in_progress: "0", rdb_last_bgsave_status: status });
  };
  await rm(dump, { force: true });
  await mkdir(dump);
  await saved("err");
  const { status, check, wait, doctor } = await judged();
  expect([status.code, check.code, wait.code, doctor.code]).toEqual([1, 1, 1, 1]);
  for (const said of [status, check, wait, doctor]) expect(plain(said)).toMatch(/redis-18:6379 can't keep its data: its last save/);
  await rmdir(dump);
  await saved("ok");
});

test("a standby that joined is brought back by the very commands that are shown", async () => {
  await project.ok(["cluster", "add-node", "cluster", "redis-78"]);
  await project.ok(["cluster", "reshard", "cluster", "--from", "redis-18", "--to", "redis-78", "--slots", "5"]);
  const { status, check, wait } = await judged();
  expect([status.code, check.code, wait.code]).toEqual([1, 1, 1]);
  // Each difference has its command, and after a round of them there is none.
  const differences = async (): Promise<readonly { instance: string; fix: string }[]> =>
    JSON.parse((await run("cluster", "diff", "cluster", "--json")).stdout).differences;
  const found = await differences();
  expect(found.find(({ instance }) => instance === "redis-78:6379")?.fix).toBe(
    "`redis-lab cluster drain cluster --labs stacks/labs.mjs --target local redis-78:6379`, then `redis-lab cluster del-node cluster --labs stacks/labs.mjs --target local redis-78:6379`",
  );
  for (const { fix } of found) for (const [, words = ""] of fix.matchAll(/`redis-lab ([^`]+)`/g)) await project.ok(words.split(" "));
  expect(await differences()).toEqual([]);
  const after = await judged();
  expect([after.status.code, after.check.code]).toEqual([0, 0]);
});

test("a dead master is named before its replica takes over and afterwards", async () => {
  await kill("redis-28");
  const before = await run("cluster", "check", "cluster");
  expect(before.code).toBe(1);
  expect(before.stdout).toMatch(/redis-28:6379 can't be looked at/);
  // One line for the master, and none for each of its slots.
  expect(before.stdout).not.toMatch(/slot \d+: no master owns it/);
  await waitFor(
    async () => {
      const nodes = parseClusterNodes(String(await project.call(lab, "redis-18", "CLUSTER", "NODES")));
      const heir = nodes.find(({ address, slots }) => address.endsWith(".68") && slots.length > 0);
      return heir === undefined ? { done: false, missing: "redis-68 as a master" } : { done: true, value: undefined };
    },
    { what: "the replica to take over", timeoutMs: 120_000, intervalMs: 100 },
  );
  // Each node hears of the failure and of the new master by itself.
  await expect
    .poll(async () => (await run("cluster", "check", "cluster", "--json")).stdout, { timeout: 60_000 })
    .toMatch(/^(?![\s\S]*(?:do not agree|cluster_state|PFAIL))[\s\S]*5 of 5 nodes that know it take it for failed/);
  const { status, check, wait, call } = await judged();
  expect([status.code, check.code, wait.code, call.code]).toEqual([1, 1, 1, 1]);
  const { absent, findings }: { absent: { instance: string; nodeId: string; failedFor: string[] }[]; findings: { text: string }[] } =
    JSON.parse(check.stdout);
  expect(absent).toMatchObject([{ instance: "redis-28:6379", nodeId: expect.stringMatching(/^[0-9a-f]{40}$/) }]);
  const texts = findings.map(({ text }) => text).join("\n");
  expect(texts).toMatch(/redis-28:6379 can't be looked at: .* take it for failed \(FAIL\); silent since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\./);
  expect(texts).toContain("redis-68:6379 has no replica that answers");
});

const SINCE = /It was brought up at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, and not brought down since\./;

test("a lab that is down is that and no cluster, with the command that starts it", async () => {
  await Promise.all(["redis-18", "redis-38", "redis-48", "redis-58", "redis-68", "redis-78"].map(kill));
  const verbs = [
    ["check"],
    ["wait", "--timeout", "0.1"],
    ["topology"],
    ["info"],
    ["diff"],
    ["call", "ping"],
    ["fix", "--dry-run"],
    ["resume"],
  ];
  const ends = await Promise.all(
    verbs.map(async ([verb = "", ...rest]) => {
      const words = verb === "call" ? ["cluster", "call", "cluster", ...rest] : ["cluster", verb, "cluster", ...rest];
      // One after another would wait for the lock of those that change something.
      return { verb, ...(await run(...words)) };
    }),
  );
  for (const { verb, code, stderr } of ends.filter(({ stderr: said }) => !/Another redis-lab works/.test(said))) {
    expect(`${verb} ${code} ${stderr.replace(SINCE, "SINCE")}`).toBe(
      `${verb} 1 error The lab is down: none of its 7 instances runs.\nSINCE\nStart it: \`redis-lab up cluster --labs stacks/labs.mjs --target local\`.\n`,
    );
  }
  const { status, doctor } = await judged();
  expect([status.code, doctor.code]).toEqual([1, 1]);
  const { findings }: { findings: readonly { text: string }[] } = JSON.parse(status.stdout);
  expect(findings.map(({ text }) => text.replace(SINCE, "SINCE"))).toEqual(["The lab is down: none of its 7 instances runs. SINCE"]);
});
