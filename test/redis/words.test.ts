import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pLimit from "p-limit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectRedis } from "../../lib/redis/client.ts";
import { pairsOf } from "../../lib/redis/pairs.ts";
import { PRODUCTS } from "../../lib/redis/products.ts";
import type { RedisClient } from "../../lib/redis/types.ts";
import { type ProductLine, wordsOf } from "../../lib/redis/words.ts";
import { nextAddress, redisBin, startServer, type TestServer, testedVersion } from "../support/redis.ts";
import { redisVersion } from "../support/versions.ts";

const LINES = Object.keys(PRODUCTS.redis.lines);

describe("the table", () => {
  test("4.0 has the old names, 7.0 both", () => {
    const old = wordsOf(redisVersion("4.0.14"));
    expect(old).toMatchObject({ line: "4.0", verified: true, supervisedNeedsLibsystemd: false });
    expect(old.has("replica-priority")).toBe(false);
    expect(old.instead("replica-priority")).toBe("slave-priority");
    expect(old.instead("slave-priority")).toBeUndefined();
    expect(old.instead("hash-max-listpack-entries")).toBe("hash-max-ziplist-entries");
    expect(old.instead("replicaof")).toBe("slaveof");
    expect(old.instead("io-threads")).toBeUndefined();
    const now = wordsOf(redisVersion("7.0.15"));
    expect(now.has("slave-priority") && now.has("Replica-Priority")).toBe(true);
    expect(now.canonical("SLAVE-priority")).toBe("replica-priority");
    expect(now.settable("slave-priority")).toBe(true);
    expect(now.supervisedNeedsLibsystemd).toBe(true);
    expect(now.needs("tls-port")).toBe("BUILD_TLS=yes");
    expect(now.has("search.timeout")).toBe(true);
    expect(old.has("search.timeout")).toBe(false);
  });

  test.each(LINES)("%s: no directive is both settable and fixed, aliases lead to known names", (line) => {
    const words = wordsOf(redisVersion(`${line}.0`));
    expect(new Set(words.names).size).toBe(words.names.length);
    for (const name of words.names) expect(words.has(name), name).toBe(true);
    for (const name of ["maxmemory", "save", "dir", "rename-command"]) expect(words.has(name), name).toBe(true);
    expect(words.repeatable("save") && words.repeatable("rename-command") && !words.repeatable("dir")).toBe(true);
  });

  test.each(["3.2.13", "7.1", "", "4"])("%s is not known", (version) => {
    expect(() => wordsOf(redisVersion(version))).toThrow(/is not a version that redis-lab knows/);
  });
});

describe("against the real server", () => {
  let server: TestServer;
  let client: RedisClient;
  let words: ProductLine;
  let folder: string;

  beforeAll(async () => {
    words = wordsOf(redisVersion(testedVersion()));
    server = await startServer();
    client = await connectRedis(
      server,
      async (host, port) => {
        const socket = connect({ host, port });
        await once(socket, "connect");
        return socket;
      },
      { passwords: [], timeoutMs: 60_000 },
    );
    folder = await mkdtemp(join(tmpdir(), "redis-lab-words-"));
  });
  afterAll(async () => {
    client.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test("every directive that CONFIG GET lists is in the table", async () => {
    const listed = Object.keys(pairsOf(await client.call(["CONFIG", "GET", "*"])));
    expect(listed.length).toBeGreaterThan(80);
    // watchdog-period can be set at run time only, up to 6.2.
    expect(listed.filter((name) => !words.has(name) && name !== "watchdog-period")).toEqual([]);
  });

  test("every directive of the table is read from a file, every foreign one is fatal", async () => {
    const all = new Set(LINES.flatMap((line) => wordsOf(redisVersion(`${line}.0`)).names));
    const limit = pLimit(4);
    const wrong = await Promise.all(
      [...all].map((name) =>
        limit(async () => {
          const expected = words.has(name) && (words.needs(name) === undefined || words.plainBuildReadsTls);
          return (await isRead(name)) === expected ? [] : [`${name}: expected ${expected ? "to be read" : "Bad directive"}`];
        }),
      ),
    );
    expect(wrong.flat()).toEqual([]);
  });

  test("CONFIG SET takes what the table calls settable, and nothing else", async () => {
    const wrong: string[] = [];
    const values = pairsOf(await client.call(["CONFIG", "GET", "*"]));
    for (const name of words.names.filter((each) => words.needs(each) === undefined)) {
      const reply = await client.callTyped(["CONFIG", "SET", name, values[name] ?? values[words.canonical(name)] ?? "x"]);
      const refused = reply.type === "error" && /Unsupported CONFIG|Unknown option|immutable config|protected config/i.test(reply.value);
      if (refused === words.settable(name)) wrong.push(`${name}: ${String(reply.value)}`);
    }
    expect(wrong).toEqual([]);
  });

  /** Whether the server reads `name` from a file: it then stumbles over the next line, or over the value, but not over the name. */
  async function isRead(name: string): Promise<boolean> {
    const file = join(folder, `${name}.conf`);
    const line = `${name} ${SAMPLES[name] ?? "1"}`;
    await writeFile(file, `bind ${nextAddress()}\n${line}\nthe-end-of-the-test 1\n`);
    const output = await new Promise<string>((resolve) => {
      execFile(join(redisBin(), "redis-server"), [file], { cwd: folder, timeout: 120_000 }, (_, stdout, stderr) =>
        resolve(stdout + stderr),
      );
    });
    const stumbled = />>> '(.*)'\n(.*)/.exec(output);
    if (stumbled === null) return /can't open config file|Can't chdir/i.test(output);
    return stumbled[1] !== line || !/Bad directive/.test(stumbled[2] ?? "");
  }
});

/** Arguments where one number is too few: up to 6.2 a wrong number of them is the same error as a wrong name. */
const SAMPLES: Readonly<Record<string, string>> = {
  save: "5 1",
  slaveof: "127.0.0.1 1",
  replicaof: "127.0.0.1 1",
  "rename-command": "GET GOT",
  "client-output-buffer-limit": "normal 0 0 0",
  "oom-score-adj-values": "0 200 800",
  user: "somebody on",
  loadmodule: "/nowhere.so",
  include: "/nowhere.conf",
};
