import { afterEach, expect, test } from "vitest";
import type { ApplicationClient } from "../../lib/redis/application-client.ts";
import { openMasterClient } from "../../lib/redis/master-client.ts";
import { startServer, type TestServer } from "../support/redis.ts";

const servers: TestServer[] = [];
let client: ApplicationClient | undefined;
afterEach(async () => {
  client?.close();
  await Promise.all(servers.splice(0).map((server) => server.stop({ signal: "SIGKILL" })));
});

const PLACE = { shard: 0, key: "k", slot: 0 };
const OPTIONS = { password: undefined, timeoutMs: 10_000 };

test("looks among the servers of a shard for the one that is the master, at the beginning and after a hand-over", async () => {
  const [a, b] = await Promise.all([startServer(), startServer()]);
  servers.push(a, b);
  const first = await openMasterClient([[a]], OPTIONS);
  const second = await openMasterClient([[b]], OPTIONS);
  const nameOf = ({ address, port }: TestServer) => `${address}:${port}`;
  await second.send(PLACE, ["REPLICAOF", a.address, String(a.port)]);
  client = await openMasterClient([[b, a]], OPTIONS);
  expect(client.nodeOf(PLACE)).toBe(nameOf(a));
  // As a hand-over leaves them: who was the master refuses writes from then on.
  await second.send(PLACE, ["REPLICAOF", "NO", "ONE"]);
  await first.send(PLACE, ["REPLICAOF", b.address, String(b.port)]);
  first.close();
  second.close();
  const send = () =>
    client?.send(PLACE, ["SET", "k", "v"]).then(
      (reply) => reply,
      (error: Error) => error.message,
    );
  await expect.poll(send, { timeout: 60_000, interval: 20 }).toBe("OK");
  expect(client.nodeOf(PLACE)).toBe(nameOf(b));
});

test("one address alone is that address, and a replica is none", async () => {
  const [a, b] = await Promise.all([startServer(), startServer()]);
  servers.push(a, b);
  const replica = await openMasterClient([[b]], OPTIONS);
  await replica.send(PLACE, ["REPLICAOF", a.address, String(a.port)]);
  replica.close();
  await expect(openMasterClient([[b]], OPTIONS)).rejects.toThrow("is no master");
});
