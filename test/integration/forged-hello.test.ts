import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { dialDirectly } from "../../lib/connection/sockets.ts";
import { connectRedis } from "../../lib/redis/client.ts";
import { makeProject, smallSentinel, type TestProject } from "../support/project.ts";
import { nextAddress } from "../support/redis.ts";

// Sentinels have no password. One forged `__sentinel__:hello` used to make all of them follow another master, and say the lab's password to it.

const lab = smallSentinel();
const HOSTS = ["redis-18", "redis-28", "redis-38"];
const prefix = lab.network.loopback.split(".").slice(0, 3).join(".");
let project: TestProject;

beforeAll(async () => {
  project = await makeProject();
  await project.write(lab);
  await project.ok(["up", "sentinel"]);
});
afterAll(() => project.remove());

/** As anyone who reaches the port: no password is known. */
async function ask(host: string, ...command: readonly string[]): Promise<string> {
  const client = await connectRedis(
    { address: `${prefix}.${host.split("-")[1]}`, port: 26379 },
    async (address, port) => {
      const dialled = await dialDirectly(address, port, 5_000);
      if ("failure" in dialled) throw new Error(dialled.failure);
      return dialled.socket;
    },
    { passwords: [] },
  );
  try {
    return await client.call(command).then(String, (error: unknown) => String(error));
  } finally {
    client.close();
  }
}

const forge = (host: string) => {
  const at = nextAddress();
  // address, port, run id and epoch of a sentinel; name, address, port and config epoch of its master (sentinelSendHello in sentinel.c of 4.0.14).
  return ask(host, "PUBLISH", "__sentinel__:hello", `${at},26379,${"f".repeat(40)},9999,mymaster,${at},7777,9999`);
};

test("a forged message to each sentinel is not taken, and none of them follows it", async () => {
  for (const host of HOSTS) expect(await forge(host)).toMatch(/unknown command/i);
  for (const host of HOSTS) {
    expect(await ask(host, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")).toBe(`${prefix}.18,6379`);
    expect(await ask(host, "SENTINEL", "SENTINELS", "mymaster")).not.toContain("f".repeat(40));
  }
  expect((await project.ok(["status", "sentinel"])).stdout).toContain("healthy");
});

test("the sentinels of a lab that was brought up before get there by an ordinary up, one after the other", async () => {
  await project.ok(["down", "sentinel"]);
  for (const host of HOSTS) {
    const etc = join(project.folder, ".redis-lab/sentinel/local/hosts", host, "apps/redis/etc");
    const [file = ""] = (await readdir(etc)).filter((name) => name.startsWith("sentinel") && name.endsWith(".conf"));
    const text = await readFile(join(etc, file), "utf8");
    expect(text).toContain('rename-command PUBLISH ""\n');
    await writeFile(join(etc, file), text.replace('rename-command PUBLISH ""\n', ""));
  }
  for (const host of HOSTS) await project.ok(["start", "sentinel", host]);
  await waitFor(
    async () =>
      (await project.run(["status", "sentinel"])).code === 0 ? { done: true, value: 0 } : { done: false, missing: "a healthy layout" },
    { what: "the lab to be up as before", timeoutMs: 120_000 },
  );
  // It is taken for a message, and refused for its channel alone.
  for (const host of HOSTS) expect(await ask(host, "PUBLISH", "other", "x")).toMatch(/HELLO/i);
  expect((await project.ok(["plan", "sentinel"])).stdout).toContain("rename-command");
  await project.ok(["up", "sentinel"]);
  for (const host of HOSTS) expect(await forge(host)).toMatch(/unknown command/i);
  expect((await project.ok(["up", "sentinel"])).stdout).toContain("0 changed");
});

test("they still fail over, and find each other", async () => {
  await project.ok(["failover", "sentinel"]);
  await waitFor(
    async () => {
      const seen = await Promise.all(HOSTS.map((host) => ask(host, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")));
      return new Set(seen).size === 1 && seen[0] !== `${prefix}.18,6379`
        ? { done: true, value: 0 }
        : { done: false, missing: `one new master for all: ${seen.join("; ")}` };
    },
    { what: "the failover", timeoutMs: 120_000 },
  );
  for (const host of HOSTS)
    await expect.poll(() => ask(host, "SENTINEL", "CKQUORUM", "mymaster"), { timeout: 120_000 }).toMatch(/^OK 3 usable Sentinels/);
  await expect
    .poll(async () => (await project.run(["status", "sentinel"])).stdout, { timeout: 120_000 })
    .toContain("sentinel on local: healthy");
});
