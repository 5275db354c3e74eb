import { expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { barReading } from "../../lib/redis/bar-reading.ts";
import { connectRedis } from "../../lib/redis/client.ts";
import { replicaOf } from "../../lib/redis/commands.ts";
import type { RedisClient } from "../../lib/redis/types.ts";
import { dial } from "../sentinel/layout.ts";
import { nextAddress, startServer } from "../support/redis.ts";

const PASSWORD = "a-password-for-tests";

async function infoOf(client: RedisClient): Promise<string> {
  return String(await client.call(["INFO"]));
}

test.each([
  ["with a password", PASSWORD],
  ["without one", ""],
])("a server that is barred reads nothing of a master %s, until that is taken back", async (_, password) => {
  const config = password === "" ? "protected-mode no\n" : `requirepass ${password}\nmasterauth ${password}\n`;
  const servers = await Promise.all(
    ["master", "replica"].map(async (role) => ({
      role,
      port: 6379,
      address: nextAddress(),
      config: `${config}repl-diskless-sync-delay 0\n`,
    })),
  );
  const running = await Promise.all(servers.map((server) => startServer(server)));
  const clients = await Promise.all(
    servers.map((server) => connectRedis(server, dial, { passwords: password === "" ? [] : [password], timeoutMs: 60_000 })),
  );
  try {
    const [master, replica] = clients as [RedisClient, RedisClient];
    const { address, port } = servers[0]!;
    await master.call(["SET", "of", "the master"]);
    await replica.call(["SET", "of", "the replica"]);
    const allowReading = await barReading(replica);
    await replicaOf(replica, { address, port });
    // Each try is an AUTH that the master answers with an error.
    const tries = async () => Number(/cmdstat_auth:calls=(\d+)/.exec(String(await master.call(["INFO", "commandstats"])))?.[1] ?? 0);
    const before = await tries();
    await waitFor(async () => ((await tries()) >= before + 2 ? { done: true, value: undefined } : { done: false, missing: "two tries" }), {
      what: "the replica to try",
      timeoutMs: 60_000,
    });
    expect(await infoOf(replica)).toContain("master_link_status:down");
    expect(await replica.call(["GET", "of"])).toBe("the replica");
    await allowReading();
    await waitFor(
      async () =>
        (await infoOf(replica)).includes("master_link_status:up") ? { done: true, value: undefined } : { done: false, missing: "its link" },
      { what: "the replica to follow", timeoutMs: 60_000 },
    );
    expect(await replica.call(["GET", "of"])).toBe("the master");
  } finally {
    for (const client of clients) client.close();
    await Promise.all(running.map((server) => server.stop({ signal: "SIGKILL" })));
  }
});
