import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectRedis } from "../../lib/redis/client.ts";
import { formatRaw, formatTyped } from "../../lib/redis/repl-format.ts";
import type { RedisClient } from "../../lib/redis/types.ts";
import { redisBin, startServer, type TestServer } from "../support/redis.ts";

let server: TestServer;
let client: RedisClient;

beforeAll(async () => {
  server = await startServer();
  client = await connectRedis(
    server,
    async (host, port) => {
      const socket = connect({ host, port });
      await once(socket, "connect");
      return socket;
    },
    { passwords: [] },
  );
  await client.call(["SET", "text", 'tab\t "quoted" é \\ \x01']);
  await client.call(["RPUSH", "list", ...Array.from({ length: 12 }, (_, index) => `item ${index}`)]);
});
afterAll(async () => {
  client.close();
  await server.stop();
});

const commands = [
  ["PING"],
  ["GET", "text"],
  ["GET", "none"],
  ["STRLEN", "text"],
  ["LRANGE", "list", "0", "-1"],
  ["LRANGE", "none", "0", "-1"],
  ["NO-SUCH"],
  ["INCR", "text"],
  ["EVAL", "return {1,{2,{'three',{}},'four'},false,{ok='fine'},{'a','b'}}", "0"],
  ["EVAL", "local t={} for i=1,11 do t[i]={i,{'x'}} end return t", "0"],
  ["CONFIG", "GET", "maxmemory"],
  ["COMMAND", "INFO", "get", "no-such"],
  ["CLUSTER", "INFO"],
  ["CLIENT", "LIST"],
];

/** `(empty list or set)` became `(empty array)` in 6.0; ids and ages in CLIENT LIST differ between two connections. */
function comparable(text: string): string {
  return text
    .replaceAll("(empty list or set)", "(empty array)")
    .replace(/^id=.*$/gm, "(a client)")
    .replace(/(\(a client\)\n)+/g, "(a client)\n")
    .replace(/\n+$/, "\n");
}

test.each(commands)("%s %s on a terminal and in a pipe, as redis-cli", async (...command) => {
  const reply = await client.callTyped(command);
  expect(comparable(`${formatTyped(reply, command)}\n`)).toBe(comparable(await redisCli(["--no-raw", ...command])));
  expect(comparable(`${formatRaw(reply)}\n`)).toBe(comparable(await redisCli(["--raw", ...command])));
});

function redisCli(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const cli = join(redisBin(), "redis-cli");
    // An error reply makes newer ones exit with 1; their output is what counts.
    execFile(cli, ["-h", server.address, "-p", String(server.port), ...args], (error, stdout) =>
      error !== null && stdout === "" ? reject(error) : resolve(stdout),
    );
  });
}
