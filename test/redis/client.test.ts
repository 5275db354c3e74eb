import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectRedis, connectStream } from "../../lib/redis/client.ts";
import { RedisReplyError } from "../../lib/redis/reply-error.ts";
import type { Dial, RedisClient } from "../../lib/redis/types.ts";
import { startServer, type TestServer } from "../support/redis.ts";

const dial: Dial = async (host, port) => {
  const socket = connect({ host, port });
  await once(socket, "connect");
  return socket;
};

const password = "sesame-open-0123456789";
let server: TestServer;
let open: TestServer;

beforeAll(async () => {
  server = await startServer({ config: `requirepass ${password}\nmaxclients 50` });
  open = await startServer();
});
afterAll(async () => {
  await server.stop();
  await open.stop();
});

describe("several calls at once", () => {
  test("replies come in order, keys and values as bytes, an error among them as a value", async () => {
    const client = await connectRedis(server, dial, { passwords: [password] });
    const key = Buffer.from([0xff, 0x00, 0x80]);
    const replies = await client.callAll([
      ["SET", key, "v"],
      ["GET", key],
      ["INCR", key],
      ["KEYS", "*"],
      ["DEL", key],
      ["GET", key],
    ]);
    expect(replies.slice(0, 2)).toEqual(["OK", Buffer.from("v")]);
    expect(replies[2]).toBeInstanceOf(RedisReplyError);
    expect(replies.slice(3)).toEqual([[key], 1, null]);
    expect(await client.callAll([])).toEqual([]);
    client.close();
  });

  test("the one that is not answered in time is named", async () => {
    const client = await connectRedis(server, dial, { passwords: [password] });
    // Time enough for the first one on a busy computer.
    await expect(client.callAll([["PING"], ["BLPOP", "nothing", 0], ["PING"]], { timeoutMs: 3000 })).rejects.toMatchObject({
      code: "redis.timeout",
      what: expect.stringContaining("BLPOP"),
    });
    client.close();
  });

  test("no password in an error", async () => {
    const client = await connectRedis(server, dial, { passwords: [password] });
    const [reply] = await client.callAll([["CONFIG", "SET", "requirepass", "a-new-secret", "masterauth"]]);
    expect(String(reply)).not.toContain("a-new-secret");
    client.close();
  });

  test("what lets others in is known, and nothing where the server asks for nothing", async () => {
    const clients = await Promise.all(
      [server, open].map((each) => connectRedis(each, dial, { passwords: ["an-older-password", password] })),
    );
    expect(clients.map(({ credentials }) => credentials)).toEqual([{ password }, undefined]);
    for (const client of clients) client.close();
  });
});

describe("connecting", () => {
  test("tries the passwords in order", async () => {
    const client = await connectRedis(server, dial, { passwords: ["an-older-password", password] });
    expect(await client.call(["PING"])).toBe("PONG");
    client.close();
  });

  test("a server without a password takes any", async () => {
    const client = await connectRedis(open, dial, { passwords: [password] });
    expect(await client.call(["PING"])).toBe("PONG");
    client.close();
  });

  test("a sentinel is entered with a password although 4.0 knows no AUTH there", async () => {
    const sentinel = await startServer({ sentinel: true });
    const client = await connectRedis(sentinel, dial, { passwords: [password] });
    expect(await client.call(["PING"])).toBe("PONG");
    client.close();
    await sentinel.stop();
  });

  test("wrong passwords are told apart from other faults, and not repeated", async () => {
    const failed = await connectRedis(server, dial, { passwords: ["wrong-one", "wrong-two"] }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "redis.wrong-password" });
    expect(String(failed)).not.toContain("wrong-");
  });

  test("without a password every command says NOAUTH", async () => {
    const client = await connectRedis(server, dial, { passwords: [] });
    await expect(client.call(["GET", "k"])).rejects.toMatchObject({ code: "NOAUTH" });
    client.close();
  });

  test("a closed port is redis.unreachable", async () => {
    await expect(connectRedis({ address: server.address, port: 1 }, dial, { passwords: [] })).rejects.toMatchObject({
      code: "redis.unreachable",
    });
  });

  test("a dial that hangs ends in time, and its late stream is destroyed", async () => {
    let arrive: (stream: Duplex) => void = () => {};
    const slow: Dial = () =>
      new Promise<Duplex>((resolve) => {
        arrive = resolve;
      });
    await expect(connectRedis(open, slow, { passwords: [], timeoutMs: 50 })).rejects.toMatchObject({ code: "redis.timeout" });
    const late = connect({ host: open.address, port: open.port });
    arrive(late);
    await expect.poll(() => late.destroyed, { timeout: 60_000 }).toBe(true);
  });

  test("maxclients is told in the server's words", async () => {
    const full = await startServer({ config: "maxclients 3" });
    const clients: RedisClient[] = [];
    const enter = () =>
      connectRedis(full, dial, { passwords: ["x"] }).then(
        (client) => clients.push(client),
        (error: unknown) => error,
      );
    await expect.poll(enter, { timeout: 60_000 }).toMatchObject({ message: expect.stringContaining("max number of clients") });
    for (const client of clients) client.close();
    await full.stop();
  });
});

describe("calling", () => {
  test("overlapping calls are answered in order, errors among them", async () => {
    const client = await connectRedis(open, dial, { passwords: [] });
    const replies = await Promise.all([
      client.call(["SET", "k", Buffer.from("é\r\n")]),
      client.call(["NO-SUCH"]).catch((error: unknown) => error),
      client.call(["GET", "k"]),
      client.call(["INCRBY", "n", 41]),
      client.call(["GET", "none"]),
      client.call(["EVAL", "return {1,{'a'}}", 0]),
    ]);
    expect(replies[1]).toBeInstanceOf(RedisReplyError);
    expect(replies.filter((_, index) => index !== 1)).toEqual(["OK", "é\r\n", 41, null, [1, ["a"]]]);
    client.close();
  });

  test("large replies in many chunks arrive whole", async () => {
    const client = await connectRedis(open, dial, { passwords: [] });
    const big = "x".repeat(3_000_000);
    await client.call(["SET", "big", big]);
    expect(await Promise.all([client.call(["GET", "big"]), client.call(["GET", "big"]), client.call(["PING"])])).toEqual([
      big,
      big,
      "PONG",
    ]);
    const typed = await client.callTyped([
      "EVAL",
      "local t={} for i=1,50000 do t[i]=(i%2==0) and i or redis.status_reply('s') end return t",
      0,
    ]);
    expect(typed.type === "array" && typed.value?.slice(-2)).toEqual([
      { type: "status", value: "s" },
      { type: "integer", value: 50_000 },
    ]);
    client.close();
  });

  test("typed replies keep status, bulk, exact integers and errors apart", async () => {
    const client = await connectRedis(open, dial, { passwords: [] });
    expect(await client.callTyped(["EVAL", "return {1,'a',{ok='fine'},{err='MY bad'},false,{}}", 0])).toEqual({
      type: "array",
      value: [
        { type: "integer", value: 1 },
        { type: "bulk", value: Buffer.from("a") },
        { type: "status", value: "fine" },
        { type: "error", value: expect.stringMatching(/^MY bad/) },
        { type: "bulk", value: null },
        { type: "array", value: [] },
      ],
    });
    await client.call(["SET", "n", "9223372036854775806"]);
    expect(await client.callTyped(["INCR", "n"])).toEqual({ type: "integer", value: 9223372036854775807n });
    expect(await client.callTyped(["NO-SUCH"])).toMatchObject({ type: "error" });
    client.close();
  });

  test("a call that is over time does not give its late reply to the next one", async () => {
    const [client, other] = await Promise.all([0, 1].map(() => connectRedis(open, dial, { passwords: [], timeoutMs: 60_000 })));
    await expect(client!.call(["BLPOP", "nothing", 0], { timeoutMs: 50 })).rejects.toMatchObject({
      code: "redis.timeout",
      message: expect.stringContaining("BLPOP"),
    });
    const echo = client!.call(["ECHO", "mine"]);
    await other!.call(["RPUSH", "nothing", "late"]);
    expect(await echo).toBe("mine");
    for (const each of [client, other]) each!.close();
  });

  test("an error reply never repeats a secret", async () => {
    const client = await connectRedis(open, dial, { passwords: [] });
    const secret = "s".repeat(600);
    for (const command of [
      ["CONFIG", "SET", "requirepass", secret],
      ["AUTH", secret, secret, secret],
    ]) {
      expect(String(await client.call(command).catch((error: unknown) => error))).not.toContain("ssss");
    }
    await client.call(["CONFIG", "SET", "requirepass", ""]).catch(() => undefined);
    client.close();
  });
});

describe("a bare stream", () => {
  test("is authenticated, and everything that comes is the caller's", async () => {
    const stream = await connectStream(server, dial, { passwords: ["an-older-password", password] });
    stream.write("PING\r\nECHO mine\r\n");
    let text = "";
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      text += chunk.toString();
      if (text.endsWith("mine\r\n")) break;
    }
    expect(text).toBe("+PONG\r\n$4\r\nmine\r\n");
    expect(stream.destroyed).toBe(true);
  });

  test("wrong passwords give none", async () => {
    await expect(connectStream(server, dial, { passwords: ["wrong"] })).rejects.toMatchObject({ code: "redis.wrong-password" });
  });
});

describe("ending", () => {
  test("a lost connection rejects every pending call and all later ones", async () => {
    const killed = await startServer();
    const client = await connectRedis(killed, dial, { passwords: [] });
    const pending = [client.call(["BLPOP", "nothing", 0]), client.call(["PING"])].map((call) => call.catch((error: unknown) => error));
    await killed.stop({ signal: "SIGKILL" });
    for (const error of await Promise.all(pending)) expect(error).toMatchObject({ code: "redis.connection-lost" });
    await expect(client.call(["PING"])).rejects.toMatchObject({ code: "redis.connection-lost" });
    expect(client.closed).toBe(true);
  });

  test("close rejects what is pending, twice is once", async () => {
    const client = await connectRedis(open, dial, { passwords: [] });
    const pending = client.call(["PING"]).catch((error: unknown) => error);
    client.close();
    client.close();
    expect(await pending).toMatchObject({ code: "redis.closed" });
  });

  test("something that is not Redis is named so", async () => {
    const web = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")).listen(0, "127.0.0.1");
    await once(web, "listening");
    const address = web.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const client = await connectRedis({ address: "127.0.0.1", port }, dial, { passwords: [] });
    await expect(client.call(["PING"])).rejects.toMatchObject({ code: "redis.protocol" });
    web.close();
  });

  test.each([
    ["a value of four gigabytes", "$4294967296\r\n", ["GET", "k"]],
    ["arrays of millions within arrays of millions", "*15000000\r\n".repeat(8), ["CLUSTER", "SLOTS"]],
    ["a status that does not end", undefined, ["PING"]],
  ])("what answers with %s is hung up on before it fills the memory", async (_what, answer, command) => {
    const hostile = createServer((socket) => {
      socket.on("error", () => {});
      const chunk = Buffer.alloc(1 << 20, "x");
      const more = () => {
        while (socket.writable && socket.write(chunk)) {}
      };
      socket.once("data", () => {
        socket.write(answer ?? "+");
        socket.on("drain", more);
        more();
      });
    }).listen(0, "127.0.0.1");
    await once(hostile, "listening");
    const { port } = hostile.address() as AddressInfo;
    const client = await connectRedis({ address: "127.0.0.1", port }, dial, { passwords: [], timeoutMs: 60_000 });
    const before = process.memoryUsage.rss();
    await expect(client.call(command)).rejects.toMatchObject({
      code: "redis.reply-too-long",
      what: expect.stringMatching(/^What listens at 127\.0\.0\.1:\d+ answers [A-Z ]+ with more than 134 MB; the connection was ended\.$/),
    });
    expect(process.memoryUsage.rss() - before).toBeLessThan(600e6);
    expect(client.closed).toBe(true);
    hostile.close();
  });
});
