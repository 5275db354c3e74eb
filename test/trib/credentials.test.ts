import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readPrivateFile } from "../../lib/base/private-file.ts";
import { parseArguments } from "../../lib/trib/arguments.ts";
import { nodeCredentials, sourceCredentials } from "../../lib/trib/credentials.ts";
import type { TribHost } from "../../lib/trib/host.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-trib-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function given(argv: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const parsed = parseArguments(argv);
  if (parsed.kind !== "command") throw new Error(JSON.stringify(parsed));
  const warnings: string[] = [];
  const host: TribHost = {
    write: () => {},
    warn: (line) => warnings.push(line),
    ask: async () => undefined,
    askSecret: async (prompt) => `typed at ${prompt}`,
    readPasswordFile: readPrivateFile,
    random: () => 0,
    now: () => new Date(0),
    environment,
    folder,
    signal: new AbortController().signal,
  };
  return { options: parsed.arguments.options, host, warnings };
}

test("none", async () => {
  const { options, host } = given(["check", "h:1"]);
  expect(await nodeCredentials(options, host)).toEqual({ user: undefined, password: undefined });
});

test("the environment: redis-cli's variable before ours", async () => {
  const both = given(["check", "h:1"], { REDISCLI_AUTH: "one", REDIS_LAB_PASSWORD: "two" });
  expect((await nodeCredentials(both.options, both.host)).password).toBe("one");
  const ours = given(["check", "h:1"], { REDISCLI_AUTH: "", REDIS_LAB_PASSWORD: "two" });
  expect((await nodeCredentials(ours.options, ours.host)).password).toBe("two");
});

test("a file: its first line", async () => {
  const file = join(folder, "password");
  await writeFile(file, "from a file\r\nand no more\n", { mode: 0o600 });
  const { options, host, warnings } = given(["check", "--password-file", file, "--user", "ops", "h:1"], { REDISCLI_AUTH: "one" });
  expect(await nodeCredentials(options, host)).toEqual({ user: "ops", password: "from a file" });
  expect(warnings).toEqual([]);
});

test("a file that is empty or not there", async () => {
  await writeFile(join(folder, "empty"), "\n", { mode: 0o600 });
  for (const name of ["empty", "missing"]) {
    const { options, host } = given(["check", "--password-file", join(folder, name), "h:1"]);
    await expect(nodeCredentials(options, host)).rejects.toMatchObject({ code: "trib.unreadable-password" });
  }
});

test("a file that others can read is refused as itself", async () => {
  const file = join(folder, "open");
  await writeFile(file, "seen\n", { mode: 0o644 });
  for (const option of ["--password-file", "--from-password-file"]) {
    const { options, host } = given(["import", "--from", "h:2", option, file, "h:1"]);
    const credentials = option === "--password-file" ? nodeCredentials : sourceCredentials;
    await expect(credentials(options, host)).rejects.toMatchObject({ code: "file.not-private" });
  }
});

test("the command line comes first, with a warning unless it is not wanted", async () => {
  const loud = given(["check", "-a", "typed", "h:1"], { REDISCLI_AUTH: "one" });
  expect((await nodeCredentials(loud.options, loud.host)).password).toBe("typed");
  expect(loud.warnings).toEqual([expect.stringMatching(/^Warning: a password on the command line/)]);
  const quiet = given(["--no-auth-warning", "--pass", "typed", "check", "h:1"]);
  expect((await nodeCredentials(quiet.options, quiet.host)).password).toBe("typed");
  expect(quiet.warnings).toEqual([]);
});

test("asked for", async () => {
  const { options, host } = given(["check", "--askpass", "h:1"]);
  expect((await nodeCredentials(options, host)).password).toBe("typed at Please input password: ");
});

test("the source of an import has a password of its own, or none", async () => {
  const argv = ["import", "--from", "s:1", "--from-user", "reader", "--from-askpass", "h:1"];
  const asked = given(argv, { REDISCLI_AUTH: "of the cluster" });
  expect(await sourceCredentials(asked.options, asked.host)).toEqual({
    user: "reader",
    password: "typed at Please input import source node password: ",
  });
  const none = given(["import", "--from", "s:1", "h:1"], { REDISCLI_AUTH: "of the cluster" });
  expect((await sourceCredentials(none.options, none.host)).password).toBeUndefined();
});
