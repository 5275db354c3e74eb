import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { dialDirectly } from "../../lib/connection/sockets.ts";
import {
  type CliResult,
  makeProject,
  serversIn,
  smallCluster,
  smallReplication,
  smallSentinel,
  type TestProject,
} from "../support/project.ts";
import { redisBin, testedVersion } from "../support/redis.ts";
import { hasStranger, STRANGER, type Stranger, startStranger } from "../support/stranger.ts";

// Another user of this computer listens where an instance of a lab is down: after each reboot all of them are. No verb may say the password to it.

const replication = smallReplication();
const cluster = smallCluster();
const sentinel = smallSentinel();
const TRIB = fileURLToPath(new URL("../../dist/lib/cli/trib.js", import.meta.url));
const at = (lab: typeof cluster, host: string) => `${lab.network.loopback.split(".").slice(0, 3).join(".")}.${host.split("-")[1]}`;

let project: TestProject;
const strangers: Stranger[] = [];

beforeAll(async () => {
  project = await makeProject();
  await project.write(replication, cluster, sentinel);
});
afterEach(async () => {
  await Promise.all(strangers.splice(0).map((stranger) => stranger.stop()));
});
afterAll(() => project.remove());

async function squat(lab: typeof cluster, ...hosts: readonly string[]): Promise<() => string> {
  const found = await Promise.all(hosts.map((host) => startStranger(at(lab, host), 6379)));
  strangers.push(...found);
  return () => found.map((stranger) => stranger.heard()).join("");
}

const output = ({ stdout, stderr }: CliResult) => stdout + stderr;

describe.skipIf(!hasStranger)("another user of this computer", () => {
  test("that has a port of a lab that is down hears nothing from any verb", async () => {
    await project.ok(["up", "replication"]);
    await project.ok(["down", "replication"]);
    const heard = await squat(replication, "redis-18", "redis-28");
    const notOurs = `not ours: uid ${STRANGER} listens on ${at(replication, "redis-18")}:6379`;
    for (const words of [
      ["status"],
      ["doctor"],
      ["cli", "redis-18", "ping"],
      ["cli", "redis-18", "--stat"],
      // Before 5.0 redis-cli is not given a password for its own connections at all.
      ...(Number.parseInt(testedVersion(), 10) >= 5 ? [["cli", "redis-18", "-c", "ping"]] : []),
    ]) {
      const [verb = "", ...rest] = words;
      const result = await project.run([verb, "replication", ...rest]);
      expect([...words, result.code]).toEqual([...words, 1]);
      expect(output(result)).toContain(notOurs);
      expect(output(result)).toMatch(/ss -ltnp 'sport = :6379'/);
    }
    for (const words of [["plan"], ["up"], ["failover"]]) {
      const result = await project.run([...words, "replication"]);
      expect([...words, result.code]).toEqual([...words, 1]);
      expect(output(result)).toContain(
        words[0] === "failover" ? "redis-18:6379 does not answer" : `port 6379 of ${at(replication, "redis-18")} is taken by`,
      );
    }
    for (const words of [["env"], ["inventory"], ["list"], ["stop", "redis-18"], ["down"], ["down", "--purge", "--yes"]]) {
      const [verb = "", ...rest] = words;
      await project.run([verb, ...(verb === "list" ? [] : ["replication"]), ...rest]);
    }
    expect(heard()).toBe("");
  });

  test("that has all ports of a sentinel lab that is down hears nothing, and no sentinel of its own is believed", async () => {
    const heard = await squat(sentinel, "redis-18", "redis-28", "redis-38");
    const fake = await startStranger(at(sentinel, "redis-18"), 26379);
    strangers.push(fake);
    const status = JSON.parse((await project.run(["status", "sentinel", "--json"])).stdout);
    expect(status.healthy).toBe(false);
    const notes = status.rows.filter(({ state }: { state: string }) => state === "silent").map(({ note }: { note: string }) => note);
    expect(notes).toHaveLength(4);
    for (const note of notes) expect(note).toContain(`not ours: uid ${STRANGER}`);
    expect(status.findings[0].next).toMatch(/redis-lab up sentinel/);
    for (const verb of ["doctor", "plan", "up"]) expect((await project.run([verb, "sentinel"])).code).toBe(1);
    expect(heard() + fake.heard()).toBe("");
  });

  test("that takes the port of one instance of a running lab hears nothing, and the others are reported as ever", async () => {
    await project.ok(["up", "cluster"]);
    const replica = "redis-58";
    const [server] = (await serversIn(join(project.folder, ".redis-lab/cluster"))).filter(({ endpoint }) =>
      endpoint.startsWith(at(cluster, replica)),
    );
    process.kill(server!.pid, "SIGKILL");
    await waitFor(
      async () =>
        (await serversIn(project.folder)).some(({ pid }) => pid === server!.pid)
          ? { done: false, missing: "its end" }
          : { done: true, value: 0 },
      { what: "the end of a replica", timeoutMs: 60_000 },
    );
    const heard = await squat(cluster, replica);
    const notOurs = `not ours: uid ${STRANGER} listens on ${at(cluster, replica)}:6379`;
    const status = await project.run(["status", "cluster"]);
    expect(output(status)).toContain(notOurs);
    expect(status.stdout).toContain(`${at(cluster, "redis-18")}:6379`);
    expect(output(await project.run(["doctor", "cluster"]))).toContain(notOurs);
    expect(output(await project.run(["cluster", "check", "cluster"]))).toContain(notOurs);
    // It would be redirected there with the password.
    expect(output(await project.run(["cli", "cluster", "redis-18", "-c", "ping"]))).toMatch(/not ours|can't connect to further nodes/);
    expect((await project.run(["cli", "cluster", "redis-18", "ping"])).stdout).toBe("PONG\n");
    for (const words of [
      ["cluster", "failover", "cluster", `${replica}:6379`],
      ["start", "cluster", replica],
      ["up", "cluster"],
    ])
      expect([...words, (await project.run(words)).code]).not.toEqual([...words, 0]);
    await project.run(["cluster", "rebalance", "cluster"]);
    expect(heard()).toBe("");

    // redis-trib knows no lab: what it is given a password for is no other person's.
    const trib = async (...args: readonly string[]) => {
      const child = spawn(process.execPath, [TRIB, ...args], {
        env: { ...process.env, REDISCLI_AUTH: await project.password("cluster") },
        stdio: ["ignore", "pipe", "pipe"],
      });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
      await once(child, "close");
      return said;
    };
    expect(await trib("check", `${at(cluster, replica)}:6379`)).toContain(`is not ours: uid ${STRANGER}`);
    expect(await trib("check", `${at(cluster, "redis-18")}:6379`)).toContain("All 16384 slots covered");
    expect(heard()).toBe("");
  });

  test("that takes a cluster over with a node of its own is named, nothing is changed with it there, and rebuild is the way out", async () => {
    await project.run(["up", "cluster"]);
    const folder = await mkdtemp(join(tmpdir(), "redis-lab-stranger-"));
    await chmod(folder, 0o777);
    await copyFile(join(redisBin(), "redis-server"), join(folder, "redis-server"));
    await chmod(join(folder, "redis-server"), 0o755);
    const address = at(cluster, "redis-99");
    // Up to 6.2 the first address of `bind` is the source of its links, from 7.0 on another setting.
    const source = Number.parseInt(testedVersion(), 10) >= 7 ? ["--bind-source-addr", address] : [];
    const rogue = spawn(
      join(folder, "redis-server"),
      ["--port", "6399", "--bind", address, ...source, "--dir", folder, "--cluster-enabled", "yes", "--protected-mode", "no"],
      { uid: STRANGER, gid: STRANGER, cwd: folder, env: {}, stdio: "ignore" },
    );
    const ended = once(rogue, "exit");
    try {
      const client = await waitFor(
        async () => {
          const dialled = await dialDirectly(address, 6399, 5_000);
          return "socket" in dialled ? { done: true, value: dialled.socket } : { done: false, missing: dialled.failure };
        },
        { what: "the foreign node to listen", timeoutMs: 60_000 },
      );
      client.write("CLUSTER SET-CONFIG-EPOCH 1000000\r\n");
      // A line has 64 KiB at most.
      for (const first of [0, 4096, 8192, 12_288])
        client.write(`CLUSTER ADDSLOTS ${Array.from({ length: 4096 }, (_, slot) => first + slot).join(" ")}\r\n`);
      client.write(`CLUSTER MEET ${at(cluster, "redis-18")} 6379\r\n`);
      const notOurs = `not ours: uid ${STRANGER} listens on ${address}:6399`;
      await waitFor(
        async () => {
          const said = output(await project.run(["status", "cluster"]));
          return said.includes(`know ${address}:6399`) && said.includes("owns 16384 slots")
            ? { done: true, value: 0 }
            : { done: false, missing: `the foreign node in ${said}` };
        },
        { what: "the cluster to be taken over", timeoutMs: 120_000 },
      );
      expect(output(await project.run(["cluster", "check", "cluster"]))).toContain(notOurs);
      const up = await project.run(["up", "cluster"]);
      expect(up.code).toBe(1);
      expect(output(up)).toContain("The cluster is left as it is");
      client.destroy();
      await project.ok(["rebuild", "cluster", "--yes"]);
      expect((await project.ok(["status", "cluster"])).stdout).toContain("healthy");
    } finally {
      rogue.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true, force: true });
    }
  });

  test("that takes the port of a replica is not asked by a master that crashed, which would follow it", async () => {
    await project.run(["down", "cluster"]);
    await project.ok(["up", "replication"]);
    for (const { pid } of await serversIn(join(project.folder, ".redis-lab/replication"))) process.kill(pid, "SIGKILL");
    await waitFor(
      async () =>
        (await serversIn(join(project.folder, ".redis-lab/replication"))).length > 0
          ? { done: false, missing: "their end" }
          : { done: true, value: 0 },
      { what: "the end of the servers", timeoutMs: 60_000 },
    );
    const heard = await squat(replication, "redis-28", "redis-38");
    expect(output(await project.run(["start", "replication", "redis-18"]))).not.toMatch(/handed over|failed over/);
    expect(heard()).toBe("");
    await project.run(["down", "replication"]);
  });
});

test("a lab whose files were removed meanwhile is still this user's", async () => {
  await project.ok(["up", "replication"]);
  await rm(join(project.folder, ".redis-lab/replication/local/state.json"), { force: true });
  expect((await project.run(["cli", "replication", "redis-18", "ping"])).stdout).toBe("PONG\n");
  await project.run(["down", "replication"]);
});
