import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import ssh2 from "ssh2";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeKeyPair } from "../../lib/connection/key-pair.ts";
import { fingerprint, KnownHosts } from "../../lib/connection/known-hosts.ts";
import { knownHostName, parseKnownHostsLine } from "../../lib/connection/known-hosts-line.ts";

function hostKey(): Buffer {
  const key = ssh2.utils.parseKey(makeKeyPair().public);
  if (key instanceof Error) throw key;
  return key.getPublicSSH();
}

const run = promisify(execFile);

/** Whether a program can't be started. */
async function missing(program: string): Promise<boolean> {
  return run(program, ["-?"]).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === "ENOENT",
  );
}

describe("known hosts", () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "redis-lab-pins-"));
    file = join(folder, "known_hosts");
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("names hosts as OpenSSH does", () => {
    expect(knownHostName("Redis-18.example", 22)).toBe("redis-18.example");
    expect(knownHostName("192.168.1.18", 2222)).toBe("[192.168.1.18]:2222");
  });

  it("loses no line when many hosts are seen for the first time at once", async () => {
    const names = Array.from({ length: 30 }, (_, index) => `192.168.1.${index}`);
    const keys = new Map(names.map((name) => [name, hostKey()]));
    // Several objects on one file, as several connections have.
    const verdicts = await Promise.all([...keys, ...keys].map(async ([name, key]) => (await new KnownHosts(file).verify(name, key)).kind));
    expect(verdicts.filter((kind) => kind === "pinned-now")).toHaveLength(30);
    expect(verdicts.filter((kind) => kind === "matches")).toHaveLength(30);
    expect((await readFile(file, "utf8")).trim().split("\n")).toHaveLength(30);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it("refuses another key, and one of another type too", async () => {
    const pins = new KnownHosts(file);
    const key = hostKey();
    await pins.verify("a", key);
    const verdict = await pins.verify("a", hostKey());
    expect(verdict).toMatchObject({ kind: "changed", pinned: [{ type: "ssh-ed25519", blob: key.toString("base64") }] });
  });

  it("drops one host and keeps the rest, comments too", async () => {
    const [one, two] = [hostKey().toString("base64"), hostKey().toString("base64")];
    await writeFile(file, `# mine\na,b ssh-ed25519 ${one}\nc ssh-ed25519 ${two} comment\n`);
    const pins = new KnownHosts(file);
    expect(await pins.drop("b")).toBe(1);
    expect(await pins.drop("b")).toBe(0);
    expect(await readFile(file, "utf8")).toBe(`# mine\nc ssh-ed25519 ${two} comment\n`);
  });

  it("reads hashed names, and adds to a file that ends in the middle of a line", async () => {
    const key = hostKey();
    const salt = Buffer.from("0123456789abcdefghij");
    const hash = createHmac("sha1", salt).update("a").digest("base64");
    await writeFile(file, `|1|${salt.toString("base64")}|${hash} ssh-ed25519 ${key.toString("base64")}`);
    const pins = new KnownHosts(file);
    expect(await pins.verify("a", key)).toEqual({ kind: "matches" });
    expect(await pins.verify("b", key)).toEqual({ kind: "pinned-now" });
    expect(await pins.keysOf("a")).toHaveLength(1);
    expect(await pins.keysOf("b")).toHaveLength(1);
  });

  it("takes half a line for no pin: a host can't contradict what was never whole", async () => {
    const key = hostKey();
    const line = `a ssh-ed25519 ${key.toString("base64")}`;
    for (let length = 1; length < line.length; length += 1) {
      await writeFile(file, line.slice(0, length));
      expect(await new KnownHosts(file).verify("a", key), `torn after ${length} characters`).toEqual({ kind: "pinned-now" });
      expect(await new KnownHosts(file).verify("a", hostKey())).toMatchObject({ kind: "changed" });
    }
  });

  // What stands in the file, under what name the host is reached, and whether its key `mine` is right then. `other` is another host's.
  const AS_OPENSSH: readonly (readonly [about: string, lines: string, name: string, verdict: string])[] = [
    ["a pattern with *", "10.0.0.* mine", "10.0.0.7", "matches"],
    ["a pattern with * and another key", "10.0.0.* other", "10.0.0.7", "changed"],
    ["a pattern with ?", "10.0.0.? mine", "10.0.0.7", "matches"],
    ["? is one character", "10.0.0.? other", "10.0.0.17", "pinned-now"],
    ["a dot is a dot", "10.0.0.? other", "10x0.0.7", "pinned-now"],
    ["a host that a pattern leaves out", "!10.0.0.7,10.0.0.* other", "10.0.0.7", "pinned-now"],
    ["a negation at the end", "10.0.0.*,!10.0.0.7 other", "10.0.0.7", "pinned-now"],
    ["a negation of another", "10.0.0.*,!10.0.0.8 other", "10.0.0.7", "changed"],
    ["a negation alone", "!10.0.0.8 other", "10.0.0.7", "pinned-now"],
    ["the key of a host that the pattern leaves out", "10.0.0.*,!10.0.0.7 mine\n10.0.0.7 other", "10.0.0.7", "changed"],
    ["a name in capitals", "REDIS-18.Example other", "redis-18.example", "changed"],
    ["a host that is asked for in capitals", "redis-18.example other", "Redis-18.EXAMPLE", "changed"],
    ["a port", "[a.example]:2222 other", "[a.example]:2222", "changed"],
    ["a pattern with a port", "[*.example]:2222 other", "[a.example]:2222", "changed"],
    ["brackets are no set", "[ab]:2222 other", "a", "pinned-now"],
    ["a key that stands without the port proves the host", "a.example mine", "[a.example]:2222", "matches"],
    ["a key that stands without the port is not a contradiction", "a.example other", "[a.example]:2222", "pinned-now"],
    ["several keys, the right one last", "a other\na mine", "a", "matches"],
    ["a comment and what is not a line", "# a other\n\nnonsense\na ssh-ed25519 AAAA\n@unknown a other\na mine", "a", "matches"],
    ["blanks and tabs", "  a\tmine and a comment\r", "a", "matches"],
    ["a revoked key", "@revoked a mine", "a", "revoked"],
    ["a revoked key of all hosts, which was pinned before", "a mine\n@revoked * mine", "a", "revoked"],
    ["a revoked key, whatever the port", "@revoked a mine", "[a]:2222", "revoked"],
    ["a revoked key of another host", "@revoked b mine", "a", "pinned-now"],
    ["another key is revoked", "@revoked * other", "a", "pinned-now"],
    ["the key of an authority is not a host's", "@cert-authority * mine", "a", "authority"],
    ["an authority, and the host's own key beside it", "@cert-authority * other\na mine", "a", "matches"],
    ["an authority, and another key of the host's", "@cert-authority * mine\na other", "a", "changed"],
    ["an authority of other hosts", "@cert-authority *.example other", "a", "pinned-now"],
  ];

  it.each(AS_OPENSSH)("reads as OpenSSH does: %s", async (_, lines, name, verdict) => {
    const [mine, other] = [hostKey(), hostKey()];
    const written = (key: Buffer) => `ssh-ed25519 ${key.toString("base64")}`;
    const text = `${lines.replaceAll("mine", written(mine)).replaceAll("other", written(other))}\n`;
    await writeFile(file, text);
    expect(await new KnownHosts(file).verify(name, mine)).toMatchObject({ kind: verdict });
    if (verdict !== "pinned-now") expect(await readFile(file, "utf8")).toBe(text);
  });

  it("takes a revoked key for revoked however its base64 is written", async () => {
    const key = hostKey();
    const blob = key.toString("base64");
    await writeFile(file, `@revoked * ssh-ed25519 ${blob.replace(/=*$/, "").replaceAll("+", "-").replaceAll("/", "_")}\n`);
    expect(await new KnownHosts(file).verify("a", key)).toMatchObject({ kind: "revoked", by: { file, line: 1 } });
  });

  it("asks for no type of key that stands as revoked", async () => {
    const [old, now] = [hostKey().toString("base64"), hostKey().toString("base64")];
    await writeFile(file, `a ssh-ed25519 ${old}\na ssh-ed25519 ${now}\n@revoked a ssh-ed25519 ${old}\n`);
    expect((await new KnownHosts(file).keysOf("a")).map(({ blob }) => blob)).toEqual([now]);
  });

  it("takes what other files know, pins in the lab's alone, and says which line contradicts", async () => {
    const [mine, other] = [hostKey(), hostKey()];
    const users = join(folder, "users");
    const text = `# mine\na ssh-ed25519 ${mine.toString("base64")}\n`;
    await writeFile(users, text);
    const pins = new KnownHosts(file, [users, join(folder, "absent")]);
    expect(await pins.verify("a", mine)).toEqual({ kind: "matches" });
    expect(await pins.verify("a", other)).toMatchObject({ kind: "changed", pinned: [{ file: users, line: 2 }] });
    expect(await pins.verify("b", other, { known: true })).toEqual({ kind: "unknown" });
    expect(await pins.verify("b", other)).toEqual({ kind: "pinned-now" });
    expect(await readFile(users, "utf8")).toBe(text);
    expect(await pins.drop("a")).toBe(0);
  });

  it("drops a host out of a pattern, and neither authorities nor what is revoked", async () => {
    const [key, kept] = [hostKey(), hostKey().toString("base64")];
    const marked = `@revoked a ssh-ed25519 ${kept}\n@cert-authority a ssh-ed25519 ${kept}\n`;
    const pattern = `a*,b ssh-ed25519 ${kept}\n`;
    await writeFile(file, `${marked}${pattern}`);
    const pins = new KnownHosts(file);
    expect(await pins.drop("a")).toBe(1);
    expect(await readFile(file, "utf8")).toBe(`${marked}!a,${pattern}`);
    expect(await pins.verify("a2", key)).toMatchObject({ kind: "changed" });
    expect(await pins.verify("b", key)).toMatchObject({ kind: "changed" });
    expect(await pins.drop("a")).toBe(0);
  });

  it("finds the lines that ssh-keygen finds", async ({ skip }) => {
    if (await missing("ssh-keygen")) return skip();
    const blob = hostKey().toString("base64");
    const part = fc.constantFrom("a", "A", "b", "*", "?", ".", "10", "[a]:22");
    const pattern = fc.tuple(fc.constantFrom("", "", "!"), fc.array(part, { minLength: 1, maxLength: 4 }));
    const lists = fc.array(pattern, { minLength: 1, maxLength: 3 }).map((all) => all.map(([not, parts]) => not + parts.join("")).join(","));
    const wanted = fc.array(fc.constantFrom("a", "b", ".", "10"), { minLength: 1, maxLength: 4 }).map((parts) => parts.join(""));
    const mark = fc.constantFrom("", "@revoked ", "@cert-authority ");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(mark, lists), { minLength: 8, maxLength: 8 }), wanted, async (drawn, name) => {
        const lines = drawn.map(([first, list]) => `${first}${list} ssh-ed25519 ${blob}`);
        await writeFile(file, `${lines.join("\n")}\n`);
        const { stdout } = await run("ssh-keygen", ["-F", name, "-f", file]).catch((error: { stdout: string }) => error);
        const theirs = [...stdout.matchAll(/found: line (\d+)/g)].map(([, line]) => Number(line) - 1);
        expect(lines.flatMap((line, index) => (parseKnownHostsLine(line)?.matches(name) ? [index] : []))).toEqual(theirs);
      }),
      { numRuns: 60 },
    );
  });

  it("prints fingerprints as ssh-keygen does", () => {
    const blob = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    // The published key of github.com.
    expect(fingerprint({ blob })).toBe("SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU");
  });
});
