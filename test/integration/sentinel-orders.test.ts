import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { dialDirectly } from "../../lib/connection/sockets.ts";
import { connectRedis } from "../../lib/redis/client.ts";
import { wordsOf } from "../../lib/redis/words.ts";
import { changedOf, makeProject, smallSentinel, type TestProject } from "../support/project.ts";
import { nextAddress, testedVersion } from "../support/redis.ts";
import { redisVersion } from "../support/versions.ts";

// Who reaches the port of a sentinel and has no password: one forged `__sentinel__:hello` used to make all of them follow another master, and say the lab's password to it. From 6.2 on they take no order either.

const lab = smallSentinel();
const HOSTS = ["redis-18", "redis-28", "redis-38"];
const prefix = lab.network.loopback.split(".").slice(0, 3).join(".");
const locked = wordsOf(redisVersion(testedVersion())).sentinel.takesPassword;
let project: TestProject;

beforeAll(async () => {
  project = await makeProject();
  await project.write(lab);
  await project.ok(["up", "sentinel"]);
});
afterAll(() => project.remove());

/** As anyone who reaches the port, with what is known of its password. */
async function ask(host: string, command: readonly string[], passwords: readonly string[] = []): Promise<string> {
  const client = await connectRedis(
    { address: `${prefix}.${host.split("-")[1]}`, port: 26379 },
    async (address, port) => {
      const dialled = await dialDirectly(address, port, 5_000);
      if ("failure" in dialled) throw new Error(dialled.failure);
      return dialled.socket;
    },
    { passwords },
  );
  try {
    return await client.call(command).then(String, (error: unknown) => String(error));
  } finally {
    client.close();
  }
}

const known = (host: string, ...command: readonly string[]) => project.call(lab, `${host}:26379`, ...command).then(String, String);

const forge = (host: string) => {
  const at = nextAddress();
  // address, port, run id and epoch of a sentinel; name, address, port and config epoch of its master (sentinelSendHello in sentinel.c of 4.0.14).
  return ask(host, ["PUBLISH", "__sentinel__:hello", `${at},26379,${"f".repeat(40)},9999,mymaster,${at},7777,9999`]);
};

/** The orders that move a lab to another master, or keep it from failing over. */
const orders = (at: string): readonly (readonly string[])[] => [
  ["SENTINEL", "MONITOR", "other", at, "7777", "1"],
  ["SENTINEL", "SET", "mymaster", "quorum", "3"],
  ["SENTINEL", "FAILOVER", "mymaster"],
  ["SENTINEL", "RESET", "mymaster"],
  ["SENTINEL", "REMOVE", "mymaster"],
  ["SENTINEL", "CONFIG", "SET", "announce-ip", at],
  ["SENTINEL", "CONFIG", "GET", "sentinel-pass"],
  ["ACL", "SETUSER", "default", "nopass"],
  ["CLIENT", "KILL", "TYPE", "pubsub"],
  ["SUBSCRIBE", "+switch-master"],
  ["INFO"],
  ["SHUTDOWN", "NOSAVE"],
];

/** What a sentinel remembers for its start, and what it said. */
async function files(host: string): Promise<{ readonly conf: string; readonly text: string; readonly log: string }> {
  const folder = join(project.folder, ".redis-lab/sentinel/local/hosts", host, "apps/redis");
  const conf = join(folder, "etc", (await readdir(join(folder, "etc"))).find((name) => /^sentinel.*\.conf$/.test(name)) ?? "");
  return { conf, text: await readFile(conf, "utf8"), log: await readFile(join(folder, "logs", "sentinel-26379.log"), "utf8") };
}
/** How often a sentinel lost sight of another one for as long as it takes to count as down. */
const lostSight = async () => (await Promise.all(HOSTS.map(files))).map(({ log }) => log.split("+sdown sentinel").length - 1);

test("a forged message to each sentinel is not taken, and none of them follows it", async () => {
  for (const host of HOSTS) expect(await forge(host)).toMatch(/unknown command/i);
  for (const host of HOSTS) {
    // With the password it would not be taken either.
    expect(await known(host, "PUBLISH", "__sentinel__:hello", "x")).toMatch(/unknown command/i);
    expect(await known(host, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")).toBe(`${prefix}.18,6379`);
    expect(await known(host, "SENTINEL", "SENTINELS", "mymaster")).not.toContain("f".repeat(40));
  }
  expect((await project.ok(["status", "sentinel"])).stdout).toContain("healthy");
});

test("no order is taken from who has no password, from 6.2 on; before, each is", async () => {
  const at = nextAddress();
  if (!locked) {
    // docs/security.md says so: nothing in the sentinel stops it.
    expect(await ask("redis-18", ["SENTINEL", "SET", "mymaster", "quorum", "3"])).toBe("OK");
    expect(await ask("redis-18", ["SENTINEL", "SET", "mymaster", "quorum", "2"])).toBe("OK");
    return;
  }
  for (const host of HOSTS) {
    for (const order of orders(at)) expect(await ask(host, order), order.join(" ")).toMatch(/NOAUTH/);
    await expect(ask(host, ["SENTINEL", "MASTERS"], ["password", "foobared", ""])).rejects.toMatchObject({ code: "redis.wrong-password" });
  }
  for (const host of HOSTS) {
    expect(await known(host, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")).toBe(`${prefix}.18,6379`);
    expect(await known(host, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "other")).not.toContain(at);
  }
  const status = await project.ok(["status", "sentinel"]);
  expect(status.stdout).toContain("healthy");
  expect((await project.ok(["doctor", "sentinel"])).stdout).not.toContain("problem: ");
  expect(changedOf(await project.ok(["up", "sentinel"]))).toBe(0);
});

/** Makes the lab one that an older redis-lab brought up: sentinels with PUBLISH and without a password. */
async function asBefore(): Promise<void> {
  await project.ok(["down", "sentinel"]);
  for (const host of HOSTS) {
    const { conf, text } = await files(host);
    expect(text).toContain('rename-command PUBLISH ""\n');
    expect(/^requirepass /m.test(text)).toBe(locked);
    await writeFile(conf, text.replace(/^(?:rename-command PUBLISH|requirepass|sentinel sentinel-pass|user) .*\n/gm, ""));
  }
  for (const host of HOSTS) await project.ok(["start", "sentinel", host]);
  await waitFor(
    async () =>
      (await project.run(["status", "sentinel"])).code === 0 ? { done: true, value: 0 } : { done: false, missing: "a healthy layout" },
    { what: "the lab to be up as before", timeoutMs: 120_000 },
  );
  // It is taken for a message, and refused for its channel alone.
  for (const host of HOSTS) expect(await ask(host, ["PUBLISH", "other", "x"])).toMatch(/HELLO/i);
}

test("the sentinels of a lab that was brought up before get there by an ordinary up, one after the other, also when the first is killed", async () => {
  await asBefore();
  if (locked) expect((await project.run(["doctor", "sentinel"])).stdout).toContain("requirepass is empty, not the lab's");
  const plan = await project.ok(["plan", "sentinel"]);
  expect(plan.stdout).toContain("rename-command");
  expect(plan.stdout).not.toContain(await project.password("sentinel"));
  const lost = await lostSight();
  const { result } = project.start(["up", "sentinel"], {
    onLine: (line, child) => /restart changed: .*:26379/.test(line) && child.kill("SIGKILL"),
  });
  expect((await result).code, "a restarted sentinel was seen").toBeNull();
  // One has its whole file now, and the others what they were given before it: all speak to each other.
  for (const host of HOSTS)
    await expect.poll(() => known(host, "SENTINEL", "CKQUORUM", "mymaster"), { timeout: 120_000 }).toMatch(/^OK 3 usable Sentinels/);
  if (locked) for (const host of HOSTS) expect(await ask(host, ["SENTINEL", "CONFIG", "GET", "sentinel-pass"])).toMatch(/NOAUTH/);
  await project.ok(["up", "sentinel"]);
  for (const host of HOSTS) expect(await forge(host)).toMatch(/unknown command/i);
  if (locked) for (const host of HOSTS) expect(await ask(host, ["SENTINEL", "MASTERS"])).toMatch(/NOAUTH/);
  expect(await lostSight(), "a sentinel that lost sight of another one").toEqual(lost);
  expect((await project.ok(["up", "sentinel"])).stdout).toContain("0 changed");
});

test.runIf(locked)("an up that is killed before any sentinel was restarted is continued, and no password is told meanwhile", async () => {
  await asBefore();
  let asked: Promise<readonly string[]> | undefined;
  const { result } = project.start(["up", "sentinel"], {
    onLine: (line, child) => {
      if (!/restart started: .*:26379/.test(line)) return;
      child.kill("SIGKILL");
      asked ??= Promise.all(HOSTS.map((host) => ask(host, ["SENTINEL", "CONFIG", "GET", "sentinel-pass"]).catch(String)));
    },
  });
  expect((await result).code).toBeNull();
  const password = await project.password("sentinel");
  for (const answer of (await asked) ?? [password]) expect(answer).not.toContain(password);
  expect((await project.ok(["up", "sentinel"])).stdout).toContain("sentinel on local: healthy");
  for (const host of HOSTS) expect(await ask(host, ["SENTINEL", "MASTERS"])).toMatch(/NOAUTH/);
  expect((await project.ok(["up", "sentinel"])).stdout).toContain("0 changed");
});

test("they still fail over, and find each other", async () => {
  await project.ok(["failover", "sentinel"]);
  await waitFor(
    async () => {
      const seen = await Promise.all(HOSTS.map((host) => known(host, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")));
      return new Set(seen).size === 1 && seen[0] !== `${prefix}.18,6379`
        ? { done: true, value: 0 }
        : { done: false, missing: `one new master for all: ${seen.join("; ")}` };
    },
    { what: "the failover", timeoutMs: 120_000 },
  );
  for (const host of HOSTS)
    await expect.poll(() => known(host, "SENTINEL", "CKQUORUM", "mymaster"), { timeout: 120_000 }).toMatch(/^OK 3 usable Sentinels/);
  await expect
    .poll(async () => (await project.run(["status", "sentinel"])).stdout, { timeout: 120_000 })
    .toContain("sentinel on local: healthy");
});
