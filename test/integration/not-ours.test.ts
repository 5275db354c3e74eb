import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { dialDirectly } from "../../lib/connection/sockets.ts";
import { connectRedis } from "../../lib/redis/client.ts";
import { makeProject, serversIn, smallReplication, type TestProject, testRedis } from "../support/project.ts";
import { startServer, type TestServer, testedVersion } from "../support/redis.ts";

// What is the lab's and what is not: a server of others on one of its ports, and one of its own that no longer looks like it.

// From 7.0 on the folder is protected from CONFIG SET, unless the configuration says otherwise.
const newer = Number.parseInt(testedVersion(), 10) >= 7;
const lab = smallReplication({ redis: testRedis(newer ? { "enable-protected-configs": "yes" } : {}) });
const address = `${lab.network.loopback.split(".").slice(0, 3).join(".")}.18`;
let project: TestProject;

beforeAll(async () => {
  project = await makeProject();
  await project.write(lab);
});
afterAll(() => project.remove());

async function ask(server: TestServer, password: string | undefined, ...command: readonly string[]): Promise<string> {
  const dial = async (to: string, port: number) => {
    const dialled = await dialDirectly(to, port, 5_000);
    if ("failure" in dialled) throw new Error(dialled.failure);
    return dialled.socket;
  };
  const client = await connectRedis(server, dial, { passwords: password === undefined ? [] : [password] });
  const reply = await client.call(command);
  client.close();
  return String(reply);
}

test.each([undefined, "somebody-elses"])(
  "a foreign Redis on the port of an instance is refused by name and left as it is (password: %s)",
  async (password) => {
    const server = await startServer({ address, config: password === undefined ? "" : `requirepass ${password}` });
    try {
      await ask(server, password, "SET", "theirs", "1");
      const before = await readFile(server.configFile, "utf8");
      for (const verb of ["plan", "up"]) {
        const { code, stdout, stderr } = await project.run([verb, lab.name]);
        expect([verb, code]).toEqual([verb, 1]);
        const output = stdout + stderr;
        expect(output).toMatch(
          new RegExp(`redis-18:6379: port 6379 of ${address} is taken by redis-server \\(process ${server.process.pid}, `),
        );
        expect(output).not.toMatch(/flush/i);
      }
      const status = await project.run(["status", lab.name]);
      expect(status.code).toBe(1);
      if (password === undefined) expect(status.stdout).toContain(`with ${server.configFile}`);
      expect((await project.run(["failover", lab.name, "--to", "redis-18:6379"])).code).not.toBe(0);
      expect((await project.run(["down", lab.name])).code).toBe(0);
      // Nothing but who it is was asked.
      const asked = [...(await ask(server, password, "INFO", "commandstats")).matchAll(/^cmdstat_([^:]+):/gm)].map(([, name]) => name);
      expect(asked.filter((name) => !["auth", "info", "set"].includes(name ?? ""))).toEqual([]);
      expect(await ask(server, password, "DBSIZE")).toBe("1");
      expect(await ask(server, password, "INFO", "replication")).toMatch(/role:master\r\nconnected_slaves:0\r/);
      expect(await readFile(server.configFile, "utf8")).toBe(before);
      expect(existsSync(join(project.folder, ".redis-lab", lab.name, "local", "hosts", "redis-28"))).toBe(false);
    } finally {
      await server.stop();
    }
  },
);

test("a server whose working folder was changed is stopped like the others", async () => {
  await project.ok(["up", lab.name]);
  const elsewhere = await mkdtemp(join(tmpdir(), "redis-lab-elsewhere-"));
  try {
    await project.call(lab, "redis-28:6379", "CONFIG", "SET", "dir", elsewhere);
    expect((await project.ok(["plan", lab.name])).stdout).not.toContain("start redis-28:6379");
    expect((await project.ok(["down", lab.name])).stdout).toContain("3 stopped");
    expect(await dialDirectly(address.replace(/18$/, "28"), 6379, 5_000)).toMatchObject({ failure: "refused" });
  } finally {
    await rm(elsewhere, { recursive: true });
  }
});

// From 7.0 on the port can be changed.
test.skipIf(!newer)("a server of the lab's build that can't be matched is named, and nothing is removed under it", async () => {
  await project.ok(["up", lab.name]);
  const prefix = join(project.folder, ".redis-lab", lab.name, "local", "hosts", "redis-28", "apps", "redis");
  // Nothing says any more which instance it is: its port is another one, its pid file and the record of its start are gone.
  expect(await project.call(lab, "redis-28:6379", "CONFIG", "SET", "port", "7999")).toBe("OK");
  await rm(join(prefix, ".redis-lab", "started-6379"));
  await rm(join(prefix, "run", "redis-6379.pid"));
  for (const words of [["down"], ["down", "--purge", "--yes"]]) {
    const { code, stdout, stderr } = await project.run([...words, lab.name]);
    expect([words, code]).toEqual([words, 1]);
    expect(stdout + stderr).toMatch(/redis-28: process \d+ \(.*redis-server.*\) still runs from the lab's build/);
  }
  expect(await readdir(prefix)).toEqual(expect.arrayContaining(["bin", "builds", "data", "etc"]));
  const [server] = await serversIn(project.folder);
  process.kill(server!.pid, "SIGTERM");
  const gone = async () =>
    (await serversIn(project.folder)).length === 0 ? ({ done: true, value: 0 } as const) : ({ done: false, missing: "its end" } as const);
  await waitFor(gone, { what: "the end of the server", timeoutMs: 60_000 });
  await project.ok(["down", lab.name, "--purge", "--yes"]);
  expect(existsSync(prefix)).toBe(false);
});
