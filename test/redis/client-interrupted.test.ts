import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { PATIENCE_MS } from "../../lib/base/patience.ts";
import { waitFor } from "../../lib/base/wait.ts";
import { connectRedis } from "../../lib/redis/client.ts";
import type { Dial, RedisClient } from "../../lib/redis/types.ts";
import { nextAddress } from "../support/addresses.ts";
import { startServer, type TestServer } from "../support/redis.ts";

// What a client does after an interruption: a server that answers is spoken to as before, one that is silent is given up.

const dial: Dial = async (host, port) => {
  const socket = connect({ host, port });
  await once(socket, "connect");
  return socket;
};

let server: TestServer;
let interruption: AbortController;
const clients: RedisClient[] = [];

const open = async (timeoutMs = 60_000): Promise<RedisClient> => {
  const client = await connectRedis(server, dial, { passwords: [], timeoutMs, signal: interruption.signal });
  clients.push(client);
  return client;
};

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

test("a server that answers is spoken to as before, for as long as it takes", async () => {
  interruption = new AbortController();
  const client = await open();
  interruption.abort();
  const begin = performance.now();
  while (performance.now() - begin < PATIENCE_MS * 1.5) expect(await client.call(["PING"])).toBe("PONG");
  // It owes nothing, so it may be silent.
  await waitFor(
    async () => (performance.now() - begin > PATIENCE_MS * 3 ? { done: true, value: undefined } : { done: false, missing: "time" }),
    {
      what: "the patience to pass",
      timeoutMs: 60_000,
    },
  );
  expect(await client.call(["PING"])).toBe("PONG");
  expect(await (await open()).call(["PING"])).toBe("PONG");
});

test.each([
  ["that was asked before", false],
  ["that is asked afterwards", true],
])("a silent server %s is given up, and so are further connections to it", async (_, afterwards) => {
  interruption = new AbortController();
  const client = await open();
  if (afterwards) interruption.abort();
  const asked = client.call(["BLPOP", "nothing", 0]);
  const next = client.callAll([["PING"], ["PING"]]);
  const begin = performance.now();
  interruption.abort();
  await expect(asked).rejects.toMatchObject({ code: "redis.given-up", kind: "interrupted", what: expect.stringContaining("BLPOP") });
  await expect(next).rejects.toMatchObject({ code: "redis.given-up" });
  expect(performance.now() - begin).toBeGreaterThan(PATIENCE_MS * 0.9);
  expect(client.closed).toBe(true);
  await expect(open()).rejects.toMatchObject({ code: "redis.given-up" });
});

test("a command that takes its time has it", async () => {
  interruption = new AbortController();
  interruption.abort();
  const client = await open();
  const seconds = (PATIENCE_MS * 2) / 1000;
  expect(await client.callAll([["BLPOP", "nothing", seconds]], { worksMs: 60_000 })).toEqual([null]);
});

test("a port that takes connections and answers nothing is given up while it is asked for the password, and one that does not connect as well", async () => {
  interruption = new AbortController();
  const sockets = new Set<Socket>();
  const hole: Server = createServer((socket) => sockets.add(socket));
  const address = nextAddress();
  hole.listen(6379, address);
  await once(hole, "listening");
  const options = { passwords: ["x"], timeoutMs: 60_000, signal: interruption.signal };
  const asking = connectRedis({ address, port: 6379 }, dial, options);
  const connecting = connectRedis({ address, port: 6380 }, () => new Promise(() => {}), options);
  interruption.abort();
  for (const each of await Promise.allSettled([asking, connecting]))
    expect(each).toMatchObject({ status: "rejected", reason: { code: "redis.given-up" } });
  for (const socket of sockets) socket.destroy();
  hole.close();
});

test("a defect in what dials is not an unreachable server", async () => {
  const broken: Dial = () => Promise.reject(new TypeError("undefined is not a function"));
  await expect(connectRedis(server, broken, { passwords: [] })).rejects.toThrow(TypeError);
});
