import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pLimit from "p-limit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectRedis } from "../../../lib/redis/client.ts";
import { pairsOf } from "../../../lib/redis/pairs.ts";
import { PRODUCTS } from "../../../lib/redis/products.ts";
import { splitWords } from "../../../lib/redis/split.ts";
import type { RedisClient } from "../../../lib/redis/types.ts";
import type { ValueKind } from "../../../lib/redis/words/value-kinds.ts";
import { type ProductLine, wordsOf } from "../../../lib/redis/words.ts";
import { nextAddress, redisBin, startServer, type TestServer, testedVersion } from "../../support/redis.ts";
import { redisVersion } from "../../support/versions.ts";

const LINES = Object.keys(PRODUCTS.redis.lines);

describe("the table", () => {
  test.each(LINES)("%s: every directive has a kind, and no kind is of a directive that the line does not know", (line) => {
    const words = wordsOf(redisVersion(`${line}.0`));
    expect(words.names.filter((name) => words.kindOf(name) === undefined)).toEqual([]);
    expect(
      [...(PRODUCTS.redis.lines[line]?.values.keys() ?? [])].filter((name) => !words.has(name) || words.canonical(name) !== name),
    ).toEqual([]);
  });

  test("a value is judged by its version", () => {
    const fault = (version: string, name: string, value: string) => wordsOf(redisVersion(version)).valueFault(name, value)?.must;
    expect(fault("4.0.14", "appendonly", "maybe")).toBe("yes or no");
    expect(fault("4.0.14", "maxmemory", "lots")).toBe("an amount of memory, for example 100mb or 1gb");
    expect(fault("4.0.14", "databases", "abc")).toBe("a whole number from 1 on");
    expect(fault("7.2.5", "loglevel", "nothing")).toBeUndefined();
    expect(fault("7.0.15", "loglevel", "nothing")).toBe("one of debug, verbose, notice, warning");
    expect(fault("6.2.14", "save", "900 1 300 10")).toContain("in a list");
    expect(fault("7.0.15", "save", "900 1 300 10")).toBeUndefined();
    expect(fault("7.2.5", "maxmemory-samples", "65")).toBeUndefined();
    expect(fault("7.4.1", "maxmemory-samples", "65")).toBe("a whole number from 1 to 64");
    expect(fault("5.0.6", "client-output-buffer-limit", "replica 1mb 1mb 60")).toBeUndefined();
    expect(fault("4.0.14", "client-output-buffer-limit", "replica 1mb 1mb 60")).toContain("normal, slave, pubsub");
    expect(fault("7.0.15", "search.timeout", "anything at all")).toBeUndefined();
    expect(fault("7.0.15", "logfile", '"half')).toContain("quotes");
  });
});

/** Would take the test's own connection or its server away, need a file, or depend on the computer or on the flags of make. */
const UNFIT = new Set([
  ...["port", "bind", "unixsocket", "dir", "logfile", "include", "loadmodule", "aclfile", "requirepass", "daemonize", "supervised", "user"],
  ...["slaveof", "replicaof", "cluster-enabled", "pidfile", "activedefrag", "jemalloc-bg-thread", "locale-collate", "socket-mark-id"],
  ...["rename-command", "cluster-port", "proc-title-template", "bind-source-addr"],
]);
/** CONFIG SET of these ends clients, asks for more descriptors than there are, or takes what a file may not have. */
const BY_FILE_ALONE = new Set([
  "active-defrag-ignore-bytes",
  "cluster-node-timeout",
  "maxclients",
  "maxmemory-clients",
  "client-output-buffer-limit",
  "client-query-buffer-limit",
  "proto-max-bulk-len",
  "save",
]);
/** Before 7.0 a file may have anything behind these, and what is no such value counts as 0, or not at all. */
const READ_LOOSELY = new Set(["client-output-buffer-limit", "lua-replicate-commands", "save", "unixsocketperm"]);

const NO_WORD = ["", "maybe", "two words"];
const NO_NUMBER = ["lots", "1.5", "1x", "-", "1 2"];

/** Values that a kind takes, and such as it does not. */
function samplesOf(kind: ValueKind): readonly string[] {
  switch (kind.kind) {
    case "one-of":
      return [...kind.words, kind.words[0]?.toUpperCase() ?? "", ...NO_WORD, "1", "true", "notices"];
    case "some-of":
      return [...kind.words, kind.words.slice(1, 2).concat("now").join(" "), kind.apart.join(" "), "", "sometimes"];
    case "whole":
      return [
        `${kind.least}`,
        `${kind.least + 1n}`,
        ...(kind.most < 2n ** 40n ? [`${kind.most + 1n}`] : []),
        `${kind.least - 1n}`,
        ...NO_NUMBER,
      ];
    case "memory":
      return [
        `${kind.least}`,
        "2mb",
        "3MB",
        "4000000",
        ...(kind.percent ? ["5%", "101%"] : []),
        ...(kind.least > 0 ? [`${kind.least - 1}`] : []),
        "1tb",
        ...NO_NUMBER,
      ];
    case "mode":
      return ["700", "0777", "778", "1777", "rwx"];
    case "letters":
      return [kind.alphabet, "", "KEA", "KEq", "Kt", "Km", "Kd", "Kn"];
    case "save-points":
      return ["900 1", '""', "900 1 300 10", "0 1", "900 -1", "900", "a b", "900 1 300"];
    case "buffer-limits":
      return [
        ...kind.classes.map((each) => `${each} 64mb 1mb 60`),
        "replica 1mb 1mb 60",
        "normal 0 0 0 pubsub 1mb 1mb 60",
        "normal 0 0",
        "nobody 0 0 0",
        "normal x 0 0",
        "normal 0 0 -1",
        "normal 0 0 x",
      ];
    case "wholes":
      return ["0 200 800", "-2000 0 2000", "-2001 0 0", "0 0 2001", "0 0", "0 0 0 0", "a b c"];
    case "percentiles":
      return ["50 99 99.9", '""', "0", "100", "101", "-1", "half"];
    case "host-name":
      return ["redis-18.lab", '""', "redis 18", "redis_18", "a".repeat(255), "a".repeat(256)];
    case "text":
      return ["plain", "two words", "three words now"];
    default:
      return kind satisfies never;
  }
}

describe("against the real server", () => {
  let server: TestServer;
  let client: RedisClient;
  let words: ProductLine;
  let folder: string;
  /** Reads numbers of a file with atoi: from 6.0 on files are read as CONFIG SET is. */
  let readsWithAtoi: boolean;

  beforeAll(async () => {
    words = wordsOf(redisVersion(testedVersion()));
    readsWithAtoi = ["4.0", "5.0"].includes(words.line);
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
    folder = await mkdtemp(join(tmpdir(), "redis-lab-values-"));
  });
  afterAll(async () => {
    client.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Every directive with every sample, and whether the table takes it. */
  function cases(): readonly { readonly name: string; readonly value: string; readonly taken: boolean }[] {
    return words.names
      .filter((name) => !UNFIT.has(words.canonical(name)) && words.needs(name) === undefined)
      .flatMap((name) => {
        const kind = words.kindOf(name);
        const samples = kind === undefined ? [] : samplesOf(kind);
        return samples.map((value) => ({ name, value: value === "" ? '""' : value, taken: words.valueFault(name, value) === undefined }));
      });
  }

  test("a file with every value that the table takes is read to its end", async () => {
    const lines = cases().flatMap(({ name, value, taken }) => (taken ? [`${name} ${value}`] : []));
    expect(lines.length).toBeGreaterThan(200);
    expect(await stumble(lines, "all")).toBe(END);
  });

  test("what the table refuses is refused by CONFIG SET, or read as something else", async () => {
    const before = pairsOf(await client.call(["CONFIG", "GET", "*"]));
    const wrong: string[] = [];
    for (const { name, value, taken } of cases().filter((each) => settable(each.name))) {
      const given = splitWords(value)?.join(" ") ?? value;
      const reply = await client.callTyped(["CONFIG", "SET", name, given]);
      // The log that -1 switches off, and amounts with units, come from the file alone in 4.0 and 5.0.
      if (reply.type === "error" && taken && !readsWithAtoi) wrong.push(`${name} ${value}: ${reply.value}`);
      if (reply.type !== "error") {
        const now = pairsOf(await client.call(["CONFIG", "GET", name]))[name];
        const isIt = now?.toLowerCase() === given.toLowerCase();
        if (!taken && isIt) wrong.push(`${name} ${value}: taken`);
      }
      await client.callTyped(["CONFIG", "SET", name, before[name] ?? before[words.canonical(name)] ?? ""]);
    }
    expect(wrong).toEqual([]);
  });

  test("what the table refuses of a directive that only a restart changes keeps the server from starting", async () => {
    const limit = pLimit(4);
    const refused = cases().filter(({ name, taken }) => !taken && !settable(name));
    expect(refused.length).toBeGreaterThan(20);
    const wrong = await Promise.all(
      refused.map(({ name, value }, index) =>
        limit(async () => {
          const line = `${name} ${value}`;
          return (await stumble([line], String(index))) === line || isReadLoosely(name) ? [] : [line];
        }),
      ),
    );
    expect(wrong.flat()).toEqual([]);
  });

  function settable(name: string): boolean {
    return words.settable(name) && !BY_FILE_ALONE.has(words.canonical(name)) && words.kindOf(name)?.kind !== "text";
  }

  function isReadLoosely(name: string): boolean {
    if (["4.0", "5.0", "6.2"].includes(words.line) && READ_LOOSELY.has(name)) return true;
    return readsWithAtoi && ["whole", "memory"].includes(words.kindOf(name)?.kind ?? "");
  }

  /** The line of a file at which the server stops reading. */
  async function stumble(lines: readonly string[], name: string): Promise<string | undefined> {
    const file = join(folder, `${name}.conf`);
    await writeFile(file, `bind ${nextAddress()}\n${lines.join("\n")}\n${END}\n`);
    const output = await new Promise<string>((resolve) => {
      execFile(join(redisBin(), "redis-server"), [file], { cwd: folder, timeout: 120_000 }, (_, stdout, stderr) =>
        resolve(stdout + stderr),
      );
    });
    return />>> '(.*)'\n/.exec(output)?.[1];
  }
});

/** Behind what is tried: no server starts. */
const END = "the-end-of-the-test 1";
