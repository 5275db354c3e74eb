import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { wordsOf } from "../../lib/redis/words.ts";
import { inspectDataFile } from "../../lib/transfer/data-file.ts";
import { foreignCommands, parseCommands } from "../../lib/transfer/file-commands.ts";
import { startTemporaryServer } from "../../lib/transfer/temporary-server.ts";
import { FULL } from "../support/full.ts";
import { redisBin, testedVersion } from "../support/redis.ts";
import { redisVersion } from "../support/versions.ts";
import { startOutside } from "./support.ts";

// Files that an attacker wrote: what a server does with each before anybody looks at its keys.

const WORDS = wordsOf(redisVersion(testedVersion()));
const serverBinary = join(redisBin(), "redis-server");
let folder: string;
/** A module that says it was loaded by making a file. */
let module: string;
let marker: string;
let foreign: readonly string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-test-"));
  [module, marker] = [join(folder, "evil.so"), join(folder, "pwned")];
  await writeFile(
    join(folder, "evil.c"),
    `#include <fcntl.h>\n__attribute__((constructor)) static void run(void) { open("${marker}", O_CREAT | O_WRONLY, 0600); }\nint RedisModule_OnLoad(void *c) { (void)c; return 0; }\n`,
  );
  await promisify(execFile)("cc", ["-shared", "-fPIC", "-o", module, join(folder, "evil.c")]);
  await chmod(folder, 0o777); // the marker could be made by any user
  const outside = await startOutside({ config: WORDS.has("enable-module-command") ? "enable-module-command yes" : "" });
  try {
    foreign = foreignCommands(parseCommands(await outside.client.call(["COMMAND"])));
    // What the tests below want not to happen does happen to a server that knows the command.
    await outside.client.call(["MODULE", "LOAD", module]).catch(() => {});
    expect(existsSync(marker)).toBe(true);
    await rm(marker);
  } finally {
    await outside.stop();
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const resp = (...words: readonly string[]) =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
const BEGIN = resp("SELECT", "0") + resp("SET", "x", "1");

async function load(path: string) {
  const server = await startTemporaryServer({ serverBinary, data: await inspectDataFile(path), emit: () => {} });
  try {
    return String(await server.client.call(["GET", "x"]));
  } finally {
    await server.close();
  }
}

async function aof(name: string, ...commands: readonly (readonly string[])[]): Promise<string> {
  const path = join(folder, `${name}.aof`);
  await writeFile(path, BEGIN + commands.map((words) => resp(...words)).join(""));
  return path;
}

test("MODULE LOAD in an AOF runs nothing, and the file is refused by the command's name", async () => {
  await expect(load(await aof("module", ["MODULE", "LOAD", module]))).rejects.toMatchObject({
    code: "cluster.foreign-command",
    what: expect.stringContaining('it holds the command "MODULE"'),
  });
  expect(existsSync(marker)).toBe(false);
});

test("nor in a script, whose writes up to there are all that it does", async () => {
  const script = `redis.call('SET', 'x', '2') redis.pcall('MODULE', 'LOAD', '${module}') redis.pcall('CONFIG', 'SET', 'dir', '${folder}')`;
  expect(await load(await aof("script", ["EVAL", script, "0"]))).toBe("2");
  expect(existsSync(marker)).toBe(false);
});

test("an AOF with scripts of a former Redis is loaded with what they read, write and publish", async () => {
  const script = "redis.call('SET', KEYS[1], redis.call('GET', KEYS[1]) + 41) redis.call('PUBLISH', 'c', 'm') redis.call('TIME')";
  expect(await load(await aof("good", ["MULTI"], ["EVAL", script, "1", "x"], ["EXEC"]))).toBe("42");
});

test("no command that data does not need is known to the server", async () => {
  expect(foreign).toEqual(expect.arrayContaining(["config", "debug", "migrate", "module", "save", "shutdown", "slaveof", "sync"]));
  const refused: string[] = [];
  const tried = FULL ? foreign : ["config", "debug", "migrate", "shutdown", "slaveof"];
  for (const name of tried) {
    const error = await load(await aof("foreign", [name, "a", "b"])).catch((reason: unknown) => reason);
    if ((error as { code?: string }).code === "cluster.foreign-command") refused.push(name);
  }
  expect(refused).toEqual(tried);
});

test.runIf(WORDS.has("appenddirname"))("of a folder only the files that its manifest names are taken, as plain files", async () => {
  const parts = join(folder, "appendonlydir");
  await mkdir(parts);
  const lines = ["file a.aof.1.base.aof seq 1 type b", "file a.aof.1.incr.aof seq 1 type i"];
  await writeFile(join(parts, "a.aof.manifest"), `${lines.join("\n")}\n`);
  await writeFile(join(parts, "a.aof.1.base.aof"), BEGIN, { mode: 0o755 });
  await writeFile(join(parts, "a.aof.1.incr.aof"), resp("SET", "x", "3"));
  await copyFile(module, join(parts, "evil.so"));
  const server = await startTemporaryServer({ serverBinary, data: await inspectDataFile(parts), emit: () => {} });
  try {
    const { folder: its } = await processOf();
    expect((await readdir(join(its, "appendonlydir"))).sort()).toEqual(["a.aof.1.base.aof", "a.aof.1.incr.aof", "a.aof.manifest"]);
    const { stdout } = await promisify(execFile)("stat", [
      "-c",
      "%a",
      ...["base", "incr"].map((part) => join(its, `appendonlydir/a.aof.1.${part}.aof`)),
    ]);
    expect(stdout).toBe("600\n600\n");
  } finally {
    await server.close();
  }
  for (const [name, line] of [
    ["../evil.so", "names no file of its folder"],
    ["link.aof", "not a regular file"],
    ["absent.aof", "it names absent.aof"],
  ]) {
    await symlink(module, join(parts, "link.aof")).catch(() => {});
    await writeFile(join(parts, "a.aof.manifest"), `file ${name} seq 1 type i\n`);
    await expect(load(parts)).rejects.toMatchObject({ code: "cluster.no-data-file", what: expect.stringContaining(line ?? "") });
  }
});

test.runIf(process.getuid?.() === 0)(
  "where we are root the server is a user that owns nothing, and reads a file of root's all the same",
  async () => {
    const outside = await startOutside();
    const rdb = join(folder, "private.rdb");
    try {
      await outside.client.call(["SET", "x", "9"]);
      await outside.client.call(["SAVE"]);
      await copyFile(join(outside.server.folder, "dump.rdb"), rdb);
    } finally {
      await outside.stop();
    }
    await chmod(rdb, 0o600);
    const server = await startTemporaryServer({ serverBinary, data: await inspectDataFile(rdb), emit: () => {} });
    try {
      expect(String(await server.client.call(["GET", "x"]))).toBe("9");
      const { uid, groups } = await processOf();
      expect(Number(uid)).toBeGreaterThanOrEqual(61_184);
      expect(groups).toBe("");
    } finally {
      await server.close();
    }
  },
);

/** The temporary server of this process: it is the one whose folder bears our pid. */
async function processOf() {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => "");
    const [comm, status] = await Promise.all(["comm", "status"].map((name) => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "")));
    if (!/redis-lab-load-/.test(cwd) || !cwd.includes(`-${process.pid.toString(36)}-`) || comm?.trim() === "sh" || comm?.trim() === "cat")
      continue;
    return { folder: cwd, uid: /^Uid:\s+(\d+)/m.exec(status ?? "")?.[1], groups: /^Groups:[ \t]*(.*)$/m.exec(status ?? "")?.[1]?.trim() };
  }
  throw new Error("no temporary server runs");
}
