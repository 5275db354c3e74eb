import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectRedis } from "../../lib/redis/client.ts";
import {
  configGet,
  configSet,
  killClients,
  minReplicasToWrite,
  readServerInfo,
  replicaOf,
  setMinReplicasToWrite,
  stopReplicating,
} from "../../lib/redis/commands.ts";
import { directiveKeys, mergeRedisConf, mergeSentinelConf } from "../../lib/redis/conf/conf.ts";
import { runtimeChanges } from "../../lib/redis/conf/runtime.ts";
import {
  sentinelAddressOf,
  sentinelCheckQuorum,
  sentinelMaster,
  sentinelMasters,
  sentinelMonitor,
  sentinelPeers,
  sentinelRemove,
  sentinelReplicas,
  sentinelSet,
  sentinelSetPassword,
} from "../../lib/redis/sentinel-commands.ts";
import type { RedisClient } from "../../lib/redis/types.ts";
import type { Version } from "../../lib/redis/version.ts";
import { wordsOf } from "../../lib/redis/words.ts";
import { nextAddress, startServer, type TestServer, testedVersion } from "../support/redis.ts";
import { redisVersion } from "../support/versions.ts";

const password = "sesame-open-0123456789";
const settings = [
  `requirepass ${password}`,
  `masterauth ${password}`,
  "maxmemory 1024000000",
  "client-output-buffer-limit pubsub 64mb 16mb 60",
  "tcp-backlog 128",
  "stop-writes-on-bgsave-error no",
  "notify-keyspace-events KEA",
  "unixsocketperm 0700",
  "loglevel NOTICE",
  "appendonly no",
].join("\n");

const servers: TestServer[] = [];
const clients: RedisClient[] = [];
let [master, replica, sentinel]: RedisClient[] = [];
let version: Version;

async function enter(server: TestServer): Promise<RedisClient> {
  servers.push(server);
  const client = await connectRedis(
    server,
    async (host, port) => {
      const socket = connect({ host, port });
      await once(socket, "connect");
      return socket;
    },
    { passwords: [password], timeoutMs: 60_000 },
  );
  clients.push(client);
  return client;
}

beforeAll(async () => {
  version = redisVersion(testedVersion());
  // From 7.0 on an instance on loopback would connect from 127.0.0.1: `bind` no longer says where from.
  const start = (address: string) =>
    startServer({ address, config: wordsOf(version).has("bind-source-addr") ? `${settings}\nbind-source-addr ${address}` : settings });
  master = await enter(await start(nextAddress()));
  replica = await enter(await start(nextAddress()));
  sentinel = await enter(await startServer({ sentinel: true }));
  expect((await readServerInfo(master)).version).toBe(version);
});
afterAll(async () => {
  for (const client of clients) client.close();
  for (const server of servers) await server.stop();
});

function use(client: RedisClient | undefined): RedisClient {
  if (client === undefined) throw new Error("the servers did not start");
  return client;
}
const at = (index: number): TestServer => {
  const server = servers[index];
  if (server === undefined) throw new Error("the servers did not start");
  return server;
};
/** The file on disk, and what startServer and this test wanted in it. */
async function fileOf(index: number, wanted: string): Promise<{ live: string; wanted: string }> {
  const { address, port, folder, configFile } = at(index);
  return {
    live: await readFile(configFile, "utf8"),
    wanted: `bind ${address}\nport ${port}\ndir ${folder}\ndaemonize no\n${index < 2 ? 'save ""\n' : ""}${wanted}\n`,
  };
}

describe("replication", () => {
  test("an instance follows a master, tells so, and leaves it", async () => {
    const [a, b] = [use(master), use(replica)];
    await a.call(["SET", "k", "v"]);
    await replicaOf(b, at(0));
    await expect.poll(async () => (await readServerInfo(b)).masterLink, { timeout: 60_000 }).toBe("up");
    expect(await readServerInfo(b)).toMatchObject({
      mode: "standalone",
      role: "replica",
      masterHost: at(0).address,
      masterPort: at(0).port,
      loading: false,
      syncing: false,
      keys: 1,
    });
    await expect
      .poll(async () => (await readServerInfo(a)).replicas, { timeout: 60_000 })
      .toMatchObject([{ address: at(1).address, port: at(1).port, state: "online" }]);
    expect(await readServerInfo(a)).toMatchObject({ role: "master", masterHost: undefined, processId: at(0).process.pid });
    await expect.poll(async () => (await readServerInfo(b)).offset - (await readServerInfo(a)).offset, { timeout: 60_000 }).toBe(0);
    await stopReplicating(b);
    expect((await readServerInfo(b)).role).toBe("master");
    await replicaOf(b, at(0));
  });

  test("writes can be fenced off, and clients sent away", async () => {
    const a = use(master);
    expect(await minReplicasToWrite(a)).toBe(0);
    await setMinReplicasToWrite(a, 99);
    await expect(a.call(["SET", "k", "w"])).rejects.toMatchObject({ code: "NOREPLICAS" });
    await setMinReplicasToWrite(a, 0);
    const other = await enter(at(0));
    servers.pop();
    expect(await killClients(a)).toBeGreaterThanOrEqual(1);
    await expect(other.call(["PING"])).rejects.toMatchObject({ code: "redis.connection-lost" });
    expect(await a.call(["PING"])).toBe("PONG");
  });
});

describe("what CONFIG REWRITE leaves", () => {
  test("is not a change, but the settings that we change are", async () => {
    const b = use(replica);
    await expect.poll(async () => (await readServerInfo(b)).role, { timeout: 60_000 }).toBe("replica");
    await configSet(b, "hz", 20);
    await b.call(["CONFIG", "REWRITE"]);
    const { live, wanted } = await fileOf(1, settings);
    expect(live).toMatch(/^(slaveof|replicaof) /m);
    const owned = directiveKeys(wanted, version);
    expect(mergeRedisConf({ live, wanted, owned, version })).toEqual({ text: live, changes: [], repairs: [] });

    const next = `${wanted.replace("1024000000", "2gb").replace("pubsub 64mb", "pubsub 65mb").replace('save ""', "save 5 1\nsave 60 10").replace("tcp-backlog 128", "tcp-backlog 100")}`;
    const merged = mergeRedisConf({ live, wanted: next, owned, version });
    const { commands, restart } = runtimeChanges(merged.changes, merged.text, version);
    expect(restart).toEqual(["tcp-backlog"]);
    for (const command of commands) expect(await b.call(command)).toBe("OK");
    expect([await configGet(b, "maxmemory"), await configGet(b, "save"), await configGet(b, "client-output-buffer-limit")]).toEqual([
      "2147483648",
      "5 1 60 10",
      expect.stringContaining(`pubsub ${65 * 1024 * 1024} `),
    ]);
    expect(merged.text).toMatch(/^hz 20$/m);
    expect(mergeRedisConf({ live: merged.text, wanted: next, owned, version }).changes).toEqual([]);
  });

  test("after a new password the old one is in no line, and a restart takes the new one", async () => {
    const b = use(replica);
    await b.call(["CONFIG", "REWRITE"]);
    const { live, wanted } = await fileOf(1, settings.replaceAll(password, "another-password-42"));
    const { text, changes } = mergeRedisConf({ live, wanted, owned: [], version });
    expect(changes.map(({ name }) => name)).toEqual(expect.arrayContaining(["requirepass", "masterauth"]));
    expect(text).not.toContain(password);
    const again = await startServer({ config: text.replace(/^(bind|port|dir|daemonize|save|logfile|pidfile) .*$/gm, "") });
    const client = await connectRedis(
      again,
      async (host, port) => {
        const socket = connect({ host, port });
        await once(socket, "connect");
        return socket;
      },
      { passwords: ["another-password-42"] },
    );
    expect(await client.call(["PING"])).toBe("PONG");
    client.close();
    await again.stop();
  });
});

describe("sentinel", () => {
  const name = "mymaster";
  const wantedOf = (quorum: number, parallel: number) =>
    [
      `sentinel monitor ${name} ${at(1).address} 6379 ${quorum}`,
      `sentinel down-after-milliseconds ${name} 10000`,
      `sentinel parallel-syncs ${name} ${parallel}`,
      `sentinel failover-timeout ${name} 180000`,
      `sentinel auth-pass ${name} ${password}`,
      "sentinel deny-scripts-reconfig yes",
    ].join("\n");

  test("watches, is changed, and its file is state around our lines", async () => {
    const s = use(sentinel);
    expect(await sentinelMasters(s)).toEqual([]);
    expect(await sentinelMaster(s, name)).toBeUndefined();
    expect(await sentinelReplicas(s, name)).toEqual([]);
    expect(await sentinelAddressOf(s, name)).toBeUndefined();
    // Any client that reaches the port may listen, and 4.0 publishes what is set.
    const spy = connect({ host: at(2).address, port: 26379 });
    let heard = "";
    spy.on("data", (chunk) => (heard += String(chunk)));
    spy.write("PSUBSCRIBE *\r\n");
    await expect.poll(() => heard, { timeout: 60_000 }).toContain("psubscribe");
    const ended = once(spy, "close");
    await Promise.all([sentinelMonitor(s, name, at(0), 1), sentinelSetPassword(s, name, password)]);
    await ended;
    expect(heard).not.toMatch(/\+set|auth-pass/);
    expect((await sentinelMaster(s, name))?.name).toBe(name);
    await expect(sentinelSetPassword(s, "nosuch", password)).rejects.toThrow(/No such master/);
    await sentinelSet(s, name, "down-after-milliseconds", 10_000);
    expect(await sentinelMasters(s)).toMatchObject([
      {
        name,
        address: at(0).address,
        port: 6379,
        quorum: 1,
        downAfterMs: 10_000,
        parallelSyncs: 1,
        failoverTimeoutMs: 180_000,
        otherSentinelCount: 0,
      },
    ]);
    await expect.poll(() => sentinelReplicas(s, name), { timeout: 60_000 }).toHaveLength(1);
    // Where it replicates from comes with its first INFO.
    await expect.poll(async () => (await sentinelReplicas(s, name))[0]?.masterAddress, { timeout: 60_000 }).toBe(at(0).address);
    expect(await sentinelReplicas(s, name)).toMatchObject([
      { address: at(1).address, port: 6379, masterAddress: at(0).address, priority: 100 },
    ]);
    expect((await sentinelReplicas(s, name))[0]?.flags.has("replica")).toBe(true);
    expect(await sentinelPeers(s, name)).toEqual([]);
    expect(await sentinelCheckQuorum(s, name)).toMatchObject({ ok: true, text: expect.stringMatching(/^OK 1 usable/) });
    expect(await sentinelAddressOf(s, name)).toEqual({ address: at(0).address, port: 6379 });

    await s.call(["SENTINEL", "FLUSHCONFIG"]);
    const { live, wanted } = await fileOf(2, wantedOf(1, 1));
    const owned = directiveKeys(wanted, version);
    // The lab declares the other server as the master: a failover happened.
    expect(mergeSentinelConf({ live, wanted, owned, version })).toEqual({ text: live, changes: [], repairs: [] });

    const next = (await fileOf(2, wantedOf(2, 3))).wanted;
    const merged = mergeSentinelConf({ live, wanted: next, owned, version });
    expect(merged.changes.map(({ key }) => key)).toEqual([`sentinel monitor ${name}`, `sentinel parallel-syncs ${name}`]);
    const { commands, restart } = runtimeChanges(merged.changes, merged.text, version);
    expect(restart).toEqual([]);
    for (const command of commands) expect(await s.call(command)).toBe("OK");
    expect(await sentinelMaster(s, name)).toMatchObject({ quorum: 2, parallelSyncs: 3, address: at(0).address });
    const written = (await fileOf(2, "")).live;
    expect(mergeSentinelConf({ live: written, wanted: next, owned, version }).changes).toEqual([]);
    expect(await sentinelCheckQuorum(s, name)).toMatchObject({ ok: false, text: expect.stringMatching(/^NOQUORUM/) });

    // Sentinel itself reads the merged file.
    const again = await startServer({
      sentinel: true,
      config: merged.text.replace(/^(bind|port|dir|daemonize|logfile|pidfile) .*$/gm, ""),
    });
    await again.stop();
    await sentinelRemove(s, name);
    expect(await sentinelMasters(s)).toEqual([]);
  });
});
