import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { type PlacedInstance, type Placement, placedInstances, placeLab } from "../../lib/lab/placement.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { connectRedis } from "../../lib/redis/client.ts";
import { directiveKeys, mergeRedisConf, mergeSentinelConf } from "../../lib/redis/conf/conf.ts";
import { parseInfo } from "../../lib/redis/info.ts";
import { pairsOf } from "../../lib/redis/pairs.ts";
import type { Dial, RedisClient } from "../../lib/redis/types.ts";
import type { Version } from "../../lib/redis/version.ts";
import { wordsOf } from "../../lib/redis/words.ts";
import { workingFolders } from "../../lib/render/folders.ts";
import { renderHost } from "../../lib/render/render.ts";
import { renderSentinelConf } from "../../lib/render/sentinel-conf.ts";
import { clusterInput, sentinelInput } from "../support/labs.ts";
import { nextAddress, redisBin } from "../support/redis.ts";
import { redisVersion } from "../support/versions.ts";
import { SECRETS } from "./placements.ts";

// Real servers read the rendered files. The folder has a space and a quote in its name, as a user's project folder may.
let folder = "";
let version: Version;
const loopback = nextAddress().replace(/\.\d+$/, ".0/24");
const running = new Map<string, ChildProcess>();
const clients: RedisClient[] = [];

const dial: Dial = async (host, port) => {
  const socket = connect({ host, port });
  await once(socket, "connect");
  return socket;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'redis-lab it\'s "here" '));
  const { stdout } = await promisify(execFile)(join(redisBin(), "redis-server"), ["--version"]);
  version = redisVersion(/v=(\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? "");
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(
    [...running].map(async ([id, child]) => {
      running.delete(id);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    }),
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A lab on this computer. Its processes stay in the foreground, as under systemd, so that a test that fails leaves none behind. */
async function place(input: LabInput): Promise<Placement> {
  const lab = defineLab({ ...input, network: { ...input.network, loopback } });
  const local = placeLab(lab, { target: "local", version, hostsFolder: join(folder, lab.name) });
  const placement: Placement = { ...local, capabilities: { ...local.capabilities, supervisor: "systemd" } };
  for (const host of placement.hosts) {
    for (const path of [...Object.values(host.paths), ...workingFolders(host)]) await mkdir(path, { recursive: true });
    for (const file of renderHost(placement, host, SECRETS, "debian")) await writeFile(file.path, file.content, { mode: file.mode });
  }
  return placement;
}

async function start(instance: PlacedInstance): Promise<RedisClient> {
  const args = [instance.configFile, ...(instance.kind === "sentinel" ? ["--sentinel"] : [])];
  const child = spawn(join(redisBin(), "redis-server"), args, { cwd: dirname(instance.configFile), stdio: ["ignore", "pipe", "pipe"] });
  running.set(instance.id, child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const client = await waitFor(
    async () => {
      if (child.exitCode !== null) throw new Error(`${instance.id} ended with ${child.exitCode}: ${output}`);
      return connectRedis({ address: instance.address, port: instance.port }, dial, { passwords: [SECRETS.password] }).then(
        (value) => ({ done: true, value }) as const,
        (error: unknown) => ({ done: false, missing: String(error) }) as const,
      );
    },
    { what: instance.id, timeoutMs: 60_000, intervalMs: 20 },
  );
  clients.push(client);
  return client;
}

function instance(placement: Placement, id: string): PlacedInstance {
  const found = placedInstances(placement).find((candidate) => candidate.id === id);
  if (found === undefined) throw new Error(`no instance ${id}`);
  return found;
}

async function effective(client: RedisClient, ...names: string[]): Promise<Record<string, string>> {
  const replies = await Promise.all(names.map((name) => client.call(["CONFIG", "GET", name])));
  return Object.assign({}, ...replies.map((reply) => pairsOf(reply)));
}

async function info(client: RedisClient): Promise<Readonly<Record<string, string>>> {
  return parseInfo(String(await client.call(["INFO"])));
}

describe("a redis-server of the cluster lab", () => {
  test("runs with what the file says, and two of them share a data folder", async () => {
    const placement = await place(clusterInput());
    for (const port of [6379, 6380]) {
      const placed = instance(placement, `redis-78:${port}`);
      const client = await start(placed);
      const data = join(dirname(placed.configFile), "../data");
      expect(
        await effective(
          client,
          ..."bind port dir dbfilename save maxmemory requirepass masterauth logfile pidfile cluster-node-timeout".split(" "),
        ),
      ).toEqual({
        bind: placed.address,
        port: String(port),
        dir: data,
        dbfilename: `dump-${port}.rdb`,
        save: "5 1",
        maxmemory: "1024000000",
        requirepass: SECRETS.password,
        masterauth: SECRETS.password,
        logfile: placed.logFile,
        pidfile: placed.pidFile,
        "cluster-node-timeout": "15000",
      });
      expect(await effective(client, "protected-mode", "stop-writes-on-bgsave-error", "tcp-backlog", "daemonize", "supervised")).toEqual({
        "protected-mode": "yes",
        "stop-writes-on-bgsave-error": "no",
        "tcp-backlog": "512",
        daemonize: "no",
        supervised: "systemd",
      });
      expect(await info(client)).toMatchObject({ cluster_enabled: "1", redis_version: version.text });
      expect(await readFile(join(data, `nodes-${port}.conf`), "utf8")).toContain("myself");
      expect((await readFile(placed.pidFile, "utf8")).trim()).toBe(String(running.get(placed.id)?.pid));
      // A computer may not allow so many open files; Redis then says so and goes on.
      const { maxclients } = await effective(client, "maxclients");
      if (maxclients !== "65535") expect(await readFile(placed.logFile, "utf8")).toContain("maxclients has been reduced");
    }
  });

  test("takes settings of every form", async () => {
    const settings = {
      appendonly: true,
      save: "",
      "notify-keyspace-events": "",
      "client-output-buffer-limit": ["normal 64mb 32mb 60", "pubsub 64mb 8mb 60"],
      "slave-announce-ip": "$(id);`x`&|<>*?~#!%h%i{x}}$y",
      maxmemory: "2gb",
      "maxmemory-policy": "allkeys-lru",
    };
    const placement = await place(clusterInput({ name: "settings", redis: { settings } }));
    const client = await start(instance(placement, "redis-18:6379"));
    const announced = wordsOf(version).canonical("slave-announce-ip");
    expect(await effective(client, "appendonly", "save", "notify-keyspace-events", "maxmemory", "maxmemory-policy", announced)).toEqual({
      appendonly: "yes",
      save: "",
      "notify-keyspace-events": "",
      maxmemory: "2147483648",
      "maxmemory-policy": "allkeys-lru",
      [announced]: settings["slave-announce-ip"],
    });
    expect((await effective(client, "client-output-buffer-limit"))["client-output-buffer-limit"]).toMatch(
      /normal 67108864 33554432 60 .*pubsub 67108864 8388608 60/,
    );
  });

  test("rewrites its file and starts from it again", async () => {
    // A number of clients that every computer allows: Redis writes what it really has.
    const placement = await place(clusterInput({ name: "rewrite", redis: { settings: { maxclients: 500 } } }));
    const placed = instance(placement, "redis-18:6379");
    const client = await start(placed);
    const wanted = await readFile(placed.configFile, "utf8");
    await client.call(["CONFIG", "REWRITE"]);
    const live = await readFile(placed.configFile, "utf8");
    expect(mergeRedisConf({ live, wanted, owned: directiveKeys(wanted, version), version })).toEqual({
      text: live,
      changes: [],
      repairs: [],
    });
    await client.call(["CONFIG", "SET", "maxmemory", "123456789"]);
    await client.call(["CONFIG", "REWRITE"]);
    const child = running.get(placed.id);
    const ended = child && once(child, "exit");
    child?.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
    expect(await effective(await start(placed), "maxmemory", "dir")).toEqual({
      maxmemory: "123456789",
      dir: dirname(placed.configFile).replace(/etc$/, "data"),
    });
  });
});

describe("the sentinel lab", () => {
  // 7.0 waits 5 s for further replicas before a full synchronisation.
  test("forms from the files alone: replicas in sync, sentinels agree", async () => {
    const placement = await place(sentinelInput());
    const master = await start(instance(placement, "redis-18:6379"));
    expect((await effective(master, "save"))["save"]).toBe("900 1 300 10 60 10000");
    for (const host of ["redis-28", "redis-38"]) await start(instance(placement, `${host}:6379`));
    await waitFor(
      async () => {
        const { connected_slaves: seen, slave0 = "", slave1 = "" } = await info(master);
        const online = [slave0, slave1].every((line) => line.includes("state=online"));
        return seen === "2" && online
          ? { done: true, value: undefined }
          : { done: false, missing: `replicas: ${seen} ${slave0} ${slave1}` };
      },
      { what: "both replicas", timeoutMs: 60_000 },
    );
    const sentinels = await Promise.all(["redis-18", "redis-28", "redis-38"].map((host) => start(instance(placement, `${host}:26379`))));
    for (const client of sentinels) {
      const seen = await waitFor(
        async () => {
          const told = pairsOf(await client.call(["SENTINEL", "MASTER", "mymaster"]));
          return told["num-slaves"] === "2" && told["num-other-sentinels"] === "2"
            ? { done: true, value: told }
            : { done: false, missing: JSON.stringify(told) };
        },
        { what: "all to see each other", timeoutMs: 60_000 },
      );
      expect(seen).toMatchObject({
        flags: "master",
        quorum: "2",
        "down-after-milliseconds": "10000",
        "parallel-syncs": "1",
        "failover-timeout": "180000",
      });
      expect(await client.call(["SENTINEL", "CKQUORUM", "mymaster"])).toMatch(/^OK 3 usable Sentinels/);
    }
    const own = instance(placement, "redis-18:26379");
    const rewritten = await readFile(own.configFile, "utf8");
    const host = placement.hosts.find(({ name }) => name === own.host);
    const wanted = host === undefined ? "" : renderSentinelConf(placement, host, own, SECRETS);
    expect(mergeSentinelConf({ live: rewritten, wanted, owned: directiveKeys(wanted, version), version })).toEqual({
      text: rewritten,
      changes: [],
      repairs: [],
    });
    expect(rewritten).toMatch(/^sentinel myid /m);
    expect(rewritten).toContain("# Managed by redis-lab: lab sentinel, instance redis-18:26379.");
    const locked = wordsOf(version).sentinel.takesPassword;
    expect(/^requirepass/m.test(rewritten)).toBe(locked);
    const stranger = await connectRedis(own, dial, { passwords: [] });
    clients.push(stranger);
    const answer = await stranger.call(["SENTINEL", "MASTERS"]).catch((error: unknown) => error);
    expect(String(answer).includes("NOAUTH"), "who has no password").toBe(locked);
  });
});

describe("the local form", () => {
  test("is a daemon with a pid file", async () => {
    const local = await place(sentinelInput({ name: "daemon" }));
    const placement: Placement = { ...local, capabilities: { ...local.capabilities, supervisor: "daemon" } };
    const [host] = placement.hosts;
    const [file] = host === undefined ? [] : renderHost(placement, host, SECRETS, "debian");
    const placed = instance(placement, "redis-18:6379");
    await writeFile(placed.configFile, file?.content ?? "");
    await promisify(execFile)(join(redisBin(), "redis-server"), [placed.configFile]);
    const pid = await waitFor(
      async () => {
        const text = await readFile(placed.pidFile, "utf8").catch(() => "");
        return text.endsWith("\n") ? { done: true, value: Number(text) } : { done: false, missing: placed.pidFile };
      },
      { what: "the pid file", timeoutMs: 60_000, intervalMs: 20 },
    );
    process.kill(pid, "SIGTERM");
    await waitFor(
      async () => {
        const left = await readFile(placed.pidFile, "utf8").catch(() => undefined);
        return left === undefined ? { done: true, value: undefined } : { done: false, missing: `the end of ${pid}` };
      },
      { what: "the daemon to end", timeoutMs: 60_000, intervalMs: 20 },
    );
  });
});
