import { createHmac } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ssh2 from "ssh2";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeKeyPair } from "../../lib/connection/key-pair.ts";
import { fingerprint, KnownHosts, knownHostName } from "../../lib/connection/known-hosts.ts";

function hostKey(): Buffer {
  const key = ssh2.utils.parseKey(makeKeyPair().public);
  if (key instanceof Error) throw key;
  return key.getPublicSSH();
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

  it("prints fingerprints as ssh-keygen does", () => {
    const blob = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    // The published key of github.com.
    expect(fingerprint({ blob })).toBe("SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU");
  });
});
