import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeKeyPair, publicKeyOf } from "../../lib/connection/key-pair.ts";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { ensureLabKey, labKeyFile } from "../../lib/project/lab-key.ts";
import type { Project } from "../../lib/project/project.ts";
import { statePaths } from "../../lib/project/state.ts";
import { clusterInput } from "../support/labs.ts";

let project: Project;
let file: string;
const lab = defineLab(clusterInput());

beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), "redis-lab-key-"));
  project = { root, labsFile: join(root, "labs.ts"), stateFolder: join(root, ".redis-lab"), labs: [lab] };
  file = labKeyFile(project, lab.name);
});
afterEach(() => rm(project.root, { recursive: true, force: true }));

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

describe("a key of the lab's own", () => {
  test("is made once, private in a private folder, with its public half beside it", async () => {
    const line = await ensureLabKey(project, lab);
    expect(line).toMatch(/^ssh-ed25519 \S+ redis-lab cluster$/);
    expect(await readFile(`${file}.pub`, "utf8")).toBe(`${line}\n`);
    expect(line).toBe(`${publicKeyOf(await readFile(file, "utf8"))} redis-lab cluster`);
    expect([await modeOf(file), await modeOf(`${file}.pub`), await modeOf(dirname(file))]).toEqual([0o600, 0o644, 0o700]);
    const before = await Promise.all([file, `${file}.pub`].map((path) => stat(path, { bigint: true })));
    expect(await ensureLabKey(project, lab)).toBe(line);
    const after = await Promise.all([file, `${file}.pub`].map((path) => stat(path, { bigint: true })));
    expect(after.map(({ ino, mtimeNs }) => [ino, mtimeNs])).toEqual(before.map(({ ino, mtimeNs }) => [ino, mtimeNs]));
  });

  test("is where the target's login looks for it", () => {
    expect(statePaths(project, lab.name, "libvirt").labKey).toBe(file);
  });

  test("is one, however many ask for it at the same time", async () => {
    const lines = await Promise.all(Array.from({ length: 8 }, () => ensureLabKey(project, lab)));
    expect(new Set(lines).size).toBe(1);
    expect((await readdir(dirname(file))).sort()).toEqual(["id_ed25519", "id_ed25519.pub"]);
  });

  test("is one for several processes", async () => {
    const path = (name: string) => JSON.stringify(new URL(`../../${name}`, import.meta.url).pathname);
    const script = `
      const { ensureLabKey } = require(${path("node_modules/jiti")}).createJiti(${path("test/")}, { fsCache: false })(${path("lib/project/lab-key.ts")});
      process.stdout.write("ready");
      process.stdin.once("data", () => ensureLabKey(${JSON.stringify(project)}, { name: "cluster", libvirt: {} }).then(console.log));
      process.stdin.once("end", () => process.stdin.destroy());`;
    const children = Array.from({ length: 3 }, () => spawn(process.execPath, ["--eval", script], { stdio: ["pipe", "pipe", "inherit"] }));
    await Promise.all(children.map(({ stdout }) => once(stdout, "data")));
    const lines = children.map(async ({ stdin, stdout }) => {
      const answer = once(stdout, "data");
      stdin.end("go");
      return String((await answer)[0]).trim();
    });
    const line = await ensureLabKey(project, lab);
    expect(await Promise.all(lines)).toEqual([line, line, line]);
  });

  test("gets a public half that is missing, is of another key or has been edited", async () => {
    const line = await ensureLabKey(project, lab);
    await rm(`${file}.pub`);
    expect(await ensureLabKey(project, lab)).toBe(line);
    expect(await readFile(`${file}.pub`, "utf8")).toBe(`${line}\n`);
    await writeFile(`${file}.pub`, makeKeyPair().public);
    expect(await ensureLabKey(project, lab)).toBe(line);
    expect(await readFile(`${file}.pub`, "utf8")).toBe(`${line}\n`);
  });

  test("is private again where it was not: OpenSSH would refuse it", async () => {
    await ensureLabKey(project, lab);
    await chmod(file, 0o644);
    await ensureLabKey(project, lab);
    expect(await modeOf(file)).toBe(0o600);
  });

  test("that is damaged or gone is not silently another one", async () => {
    const line = await ensureLabKey(project, lab);
    const secret = await readFile(file, "utf8");
    const attempt = async () =>
      ensureLabKey(project, lab).catch((error: unknown) => error as { code: string; message: string; next: string });
    for (const text of [
      "",
      "text",
      secret.slice(0, 200),
      makeKeyPair({ protection: { passphrase: "words", cipher: "aes256-ctr", rounds: 1 } }).private,
    ]) {
      await writeFile(file, text);
      const error = await attempt();
      expect(error).toMatchObject({ code: "project.corrupt-file", next: expect.stringContaining(`rm -f ${file} ${file}.pub`) });
      expect(JSON.stringify(error)).not.toContain(secret.split("\n")[1]);
    }
    await rm(file);
    expect(await attempt()).toMatchObject({ code: "project.corrupt-file", what: expect.stringContaining("it is gone") });
    expect(await readFile(`${file}.pub`, "utf8")).toBe(`${line}\n`);
  });
});

describe("the key of a team", () => {
  const given = (path = "team.pub") => ensureLabKey(project, defineLab(clusterInput({ libvirt: { publicKeyFile: path } })));
  const write = (text: string) => writeFile(join(project.root, "team.pub"), text);
  const { public: line, private: secret } = makeKeyPair({ comment: "team@example.org" });

  test("wins, and no key is made", async () => {
    await write(`${line}\n`);
    expect(await given()).toBe(line);
    expect(await given(join(project.root, "team.pub"))).toBe(line);
    expect(await readdir(project.root)).toEqual(["team.pub"]);
  });

  test.each<[string, string]>([
    ["without a comment", line.split(" ").slice(0, 2).join(" ")],
    ["with blanks and Windows line ends", `\r\n${line}  \r\n\r\n`],
    ["with a remark above it", `# the team's\n${line}\n`],
    ["of RSA", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQC7 me"],
  ])("%s", async (_what, text) => {
    await write(text);
    const own = text
      .split("\n")
      .find((each) => /^(ssh|ecdsa)/.test(each))
      ?.trim();
    expect(await given()).toBe(own);
  });

  test.each<[string, string, string]>([
    ["a private key", secret, "a private key"],
    ["a private key below the public one", `${line}\n${secret}`, "a private key"],
    ["a private key of PuTTY", "PuTTY-User-Key-File-2: ssh-ed25519\nEncryption: none\n", "a private key"],
    ["nothing", "\n", "it has 0 keys"],
    ["two keys", `${line}\n${line}\n`, "it has 2 keys"],
    ["options before the key", `restrict,command="id" ${line}`, "not a public key as ssh-keygen writes it"],
    ["another type than the blob's", line.replace("ssh-ed25519", "ssh-rsa"), "not a public key as ssh-keygen writes it"],
    ["a blob that is cut off", "ssh-ed25519 AAAA", "not a public key as ssh-keygen writes it"],
    ["a control character", `${line}\u001b[31m`, "not a public key as ssh-keygen writes it"],
  ])("is refused when the file has %s, and is not shown", async (_what, text, why) => {
    await write(text);
    const error: unknown = await given().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "project.public-key-file", what: expect.stringContaining(why) });
    const shown = JSON.stringify(error) + String(error);
    for (const word of secret.split("\n").slice(1, -2)) expect(shown).not.toContain(word);
  });

  test("is missed when its file is", async () => {
    await expect(given()).rejects.toMatchObject({ code: "project.public-key-file", what: expect.stringContaining("it can't be read") });
  });
});
