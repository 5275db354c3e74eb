import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { importFile } from "../../lib/transfer/import-file.ts";
import { lastWords } from "../../lib/transfer/temporary-server.ts";
import { Lab } from "../cluster/support.ts";
import { redisBin } from "../support/redis.ts";
import { type Content, contentOf, contentOfCluster, form, must, type Outside, startOutside, ZOO } from "./support.ts";

let lab: Lab;
let outside: Outside;
let folder: string;
let content: Content;
const serverBinary = join(redisBin(), "redis-server");

beforeAll(async () => {
  [lab, outside, folder] = await Promise.all([
    Lab.start(["m1", "m2", "m3"]),
    startOutside({ config: "appendonly yes\nappendfsync always\nauto-aof-rewrite-percentage 0" }),
    mkdtemp(join(tmpdir(), "redis-lab-test-")),
  ]);
  // Of this file alone: others start temporary servers at the same time.
  process.env["TMPDIR"] = folder;
  await form(lab);
  await must(outside.client, [...ZOO, ["SELECT", 30 % 16], ["SET", "elsewhere", "v"], ["SELECT", 0]]);
  content = await contentOf(outside.client);
  await must(outside.client, [["SAVE"]]);
  await copyFile(join(outside.server.folder, "dump.rdb"), join(folder, "some.rdb"));
});
afterAll(async () => {
  await Promise.all([lab.stop(), outside.stop()]);
  await rm(folder, { recursive: true, force: true });
});
afterEach(() => Promise.all(lab.members.map(({ id }) => lab.call(id, "FLUSHALL"))));

function importing(file: string, options: Partial<Parameters<typeof importFile>[3]> = {}) {
  lab.events.length = 0;
  return importFile(file, lab.members, lab.access, { serverBinary, emit: lab.emit, ...options });
}

/** Folders of temporary servers that are there now. */
async function leftovers(): Promise<readonly string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith("redis-lab-load-"));
}

describe("RDB", () => {
  test("every key arrives, the file stays as it was, and nothing is left of the server", async () => {
    const before = await leftovers();
    const bytes = await readFile(join(folder, "some.rdb"));
    const report = await importing(join(folder, "some.rdb"));
    expect(report.counts.imported).toBe(ZOO.length);
    expect(report.databases).toEqual([
      { database: 0, keys: ZOO.length, imported: true },
      { database: 14, keys: 1, imported: false },
    ]);
    expect(await contentOfCluster(lab)).toEqual(content);
    expect((await readFile(join(folder, "some.rdb"))).equals(bytes)).toBe(true);
    expect(await leftovers()).toEqual(before);
  });

  test("a damaged one, one that is cut off and one that is too new are told in the server's own words", async () => {
    const bytes = await readFile(join(folder, "some.rdb"));
    await writeFile(join(folder, "short.rdb"), bytes.subarray(0, bytes.length - 100));
    await writeFile(join(folder, "new.rdb"), Buffer.concat([Buffer.from("REDIS0987"), bytes.subarray(9)]));
    const damaged = Buffer.from(bytes);
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 0xff;
    await writeFile(join(folder, "damaged.rdb"), damaged);
    const before = await leftovers();
    await expect(importing(join(folder, "short.rdb"))).rejects.toMatchObject({
      code: "cluster.not-loaded",
      what: expect.stringMatching(/could not load \/\S+short\.rdb: .*(Short read|Unexpected EOF)/),
    });
    await expect(importing(join(folder, "new.rdb"))).rejects.toMatchObject({
      what: expect.stringContaining("Can't handle RDB format version 987"),
    });
    await expect(importing(join(folder, "damaged.rdb"))).rejects.toMatchObject({ what: expect.stringMatching(/checksum/i) });
    expect(await leftovers()).toEqual(before);
    expect((await contentOfCluster(lab)).size).toBe(0);
  });

  test("an abort while it is imported ends the server too", async () => {
    const before = await leftovers();
    const stop = new AbortController();
    await expect(
      importing(join(folder, "some.rdb"), { signal: stop.signal, batchKeys: 2, onKey: () => stop.abort(new Error("enough")) }),
    ).rejects.toThrow("enough");
    expect(await leftovers()).toEqual(before);
  });
});

describe("AOF", () => {
  /** Where the server has its AOF: a file, or from 7.0 on a folder. */
  const aofOf = async () => {
    const names = await readdir(outside.server.folder);
    return join(outside.server.folder, names.includes("appendonlydir") ? "appendonlydir" : "appendonly.aof");
  };

  test("every key arrives, with the rest of its life; the AOF stays as it was", async () => {
    const path = await aofOf();
    const report = await importing(path);
    expect(report.counts.imported).toBe(ZOO.length);
    expect(await contentOfCluster(lab)).toEqual(content);
  });

  test("one that begins with an RDB, and goes on with commands", async () => {
    await must(outside.client, [["CONFIG", "SET", "aof-use-rdb-preamble", "yes"], ["BGREWRITEAOF"]]);
    await waitFor(
      async () => {
        const info = String(await outside.client.call(["INFO", "persistence"]));
        const busy = /aof_rewrite_(in_progress|scheduled):1/.test(info);
        return busy ? { done: false, missing: "its end" } : { done: true, value: undefined };
      },
      { what: "the AOF to be rewritten", timeoutMs: 60_000, intervalMs: 20 },
    );
    await must(outside.client, [["SET", "since", "then"]]);
    const report = await importing(await aofOf());
    expect(report.counts.imported).toBe(ZOO.length + 1);
    expect((await contentOfCluster(lab)).get("since")).toContain("then");
    await outside.client.call(["DEL", "since"]);
  });

  test("one file with commands; its end cut off, what is before it arrives, with a warning", async () => {
    const file = join(folder, "commands.aof");
    const commands = [
      "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n",
      ...[1, 2, 3].map((number) => `*3\r\n$3\r\nSET\r\n$2\r\nk${number}\r\n$1\r\nv\r\n`),
    ];
    await writeFile(file, commands.join(""));
    expect((await importing(file)).counts.imported).toBe(3);
    expect(lab.events.filter(({ type }) => type === "notice")).toEqual([]);
    const { size } = await stat(file);
    await truncate(file, size - 5);
    expect((await importing(file)).counts.same).toBe(2);
    expect(lab.events).toContainEqual(expect.objectContaining({ type: "notice", text: expect.stringContaining("cut off") }));
    expect((await stat(file)).size).toBe(size - 5);
    await writeFile(file, `${commands[0]}garbage\r\n`);
    await expect(importing(file)).rejects.toMatchObject({ code: "cluster.not-loaded", what: expect.stringContaining("Bad file format") });
  });
});

describe("what is not a file of data", () => {
  test.each([
    ["not there", "absent.rdb", /ENOENT/],
    ["empty", "empty", /it is empty/],
    ["a text", "text", /begins neither as an RDB nor as an AOF/],
    ["a folder without a manifest", "nothing", /no manifest/],
    ["a part of several", "parts/appendonly.aof.1.incr.aof", /one part of several; name the folder .*parts/],
  ])("%s", async (_what, name, why) => {
    await mkdir(join(folder, "nothing"), { recursive: true });
    await mkdir(join(folder, "parts"), { recursive: true });
    await writeFile(join(folder, "empty"), "");
    await writeFile(join(folder, "text"), "hello");
    await writeFile(join(folder, "parts", "appendonly.aof.1.incr.aof"), "*1\r\n");
    await writeFile(join(folder, "parts", "appendonly.aof.manifest"), "");
    await expect(importing(join(folder, name))).rejects.toMatchObject({ code: "cluster.no-data-file", what: expect.stringMatching(why) });
  });

  test("a server that is not there, or is none", async () => {
    await expect(importing(join(folder, "some.rdb"), { serverBinary: "/no/such/redis-server" })).rejects.toMatchObject({
      code: "cluster.no-server",
      what: expect.stringContaining("/no/such/redis-server"),
    });
    await expect(importing(join(folder, "some.rdb"), { serverBinary: "/bin/false" })).rejects.toMatchObject({ code: "cluster.no-server" });
  });
});

test("the server ends, and its folder goes, when the process that started it is killed", async () => {
  const script = join(folder, "starter.ts");
  const at = (path: string) => JSON.stringify(new URL(`../../lib/transfer/${path}`, import.meta.url).pathname);
  await writeFile(
    script,
    `import { startTemporaryServer } from ${at("temporary-server.ts")};
const data = { kind: "rdb", path: ${JSON.stringify(join(folder, "some.rdb"))} };
const server = await startTemporaryServer({ serverBinary: ${JSON.stringify(serverBinary)}, data, emit: () => {} });
console.log(/process_id:(\\d+)/.exec(String(await server.client.call(["INFO"])))[1]);`,
  );
  const before = await leftovers();
  const starter = spawn(process.execPath, ["--import", "jiti/register", script], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(starter.stdout, "data")) as [Buffer];
  const pid = Number(line.toString());
  expect(pid).toBeGreaterThan(1);
  expect((await leftovers()).length).toBe(before.length + 1);
  const [confName] = (await leftovers()).filter((name) => !before.includes(name));
  expect((await stat(join(tmpdir(), confName ?? ""))).mode & 0o777).toBe(0o700);
  expect((await stat(join(tmpdir(), confName ?? "", "d"))).mode & 0o777).toBe(0o700);
  // Its arguments and environment tell nothing, and Ctrl-C of our terminal does not reach it.
  expect((await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0").join(" ")).toMatch(
    /^(\/proc\/self\/fd\/4|\S*redis-server) (unixsocket:redis\.sock|-|\*:0)/,
  );
  starter.kill("SIGKILL");
  await waitFor(
    async () => {
      const alive = await stat(`/proc/${pid}`).catch(() => undefined);
      // Where we are root, its user can't remove the empty folder around its own.
      const data = await Promise.all((await leftovers()).map((name) => readdir(join(tmpdir(), name, "d")).catch(() => [])));
      const left = process.getuid?.() === 0 ? data.flat().length : (await leftovers()).length - before.length;
      return alive === undefined && left === 0
        ? { done: true, value: undefined }
        : { done: false, missing: `the end of ${pid}, and of ${left} files or folders` };
    },
    { what: "the server to end", timeoutMs: 60_000, intervalMs: 20 },
  );
});

test("the words of a server that ended are its last warnings", () => {
  const log = [
    "1234:C 01 Jan 10:00:00.000 # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo",
    "1234:M 01 Jan 10:00:00.001 # WARNING overcommit_memory is set to 0!",
    "1234:M 01 Jan 10:00:00.002 # Server initialized",
    "1234:M 01 Jan 2024 10:00:00.003 # Wrong signature trying to load DB from file",
    "1234:M 01 Jan 2024 10:00:00.004 # Fatal error loading the DB: Invalid argument. Exiting.",
  ].join("\n");
  expect(lastWords(log)).toEqual(["Wrong signature trying to load DB from file", "Fatal error loading the DB: Invalid argument. Exiting."]);
  expect(lastWords("*** FATAL CONFIG FILE ERROR ***\nReading the configuration file, at line 3\n>>> 'x'\nBad directive\n")).toEqual([
    "Reading the configuration file, at line 3",
    ">>> 'x'",
    "Bad directive",
  ]);
  // By the kernel, for lack of memory.
  expect(lastWords(`${log.split("\n")[0]}\n\nit was ended by signal 9\n`).at(-1)).toBe("it was ended by signal 9");
  expect(lastWords("")).toEqual([]);
});
