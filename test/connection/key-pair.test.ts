import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ssh2 from "ssh2";
import { afterAll, describe, expect, test } from "vitest";
import { makeKeyPair, publicKeyOf } from "../../lib/connection/key-pair.ts";

const folder = mkdtempSync(join(tmpdir(), "redis-lab-keys-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const opensshIsHere = spawnSync("ssh-keygen", ["-?"]).error === undefined;

/** What OpenSSH makes of a private key: its public half. */
function sshKeygen(privateKey: string): string {
  const file = join(folder, "key");
  writeFileSync(file, privateKey, { mode: 0o600 });
  const { stdout, stderr } = spawnSync("ssh-keygen", ["-y", "-P", "", "-f", file], { encoding: "utf8" });
  return `${stdout}${stderr}`.trim();
}

describe("a new pair", () => {
  const pairs = Array.from({ length: 20 }, () => makeKeyPair({ comment: "redis-lab cluster" }));

  test("is another one each time, and both halves belong together", () => {
    expect(new Set(pairs.map((pair) => pair.private)).size).toBe(pairs.length);
    for (const pair of pairs) {
      expect(pair.public).toMatch(/^ssh-ed25519 [A-Za-z0-9+/]{68} redis-lab cluster$/);
      expect(pair.public).toBe(`${publicKeyOf(pair.private)} redis-lab cluster`);
    }
  });

  test("signs what its public half verifies", () => {
    for (const pair of pairs.slice(0, 3)) {
      const [secret, known] = [ssh2.utils.parseKey(pair.private), ssh2.utils.parseKey(pair.public)];
      if (secret instanceof Error || known instanceof Error) throw new Error("unreadable");
      expect(known.verify("text", secret.sign("text"))).toBe(true);
    }
  });

  test.skipIf(!opensshIsHere)("is read by OpenSSH", () => {
    for (const pair of pairs) expect(sshKeygen(pair.private)).toBe(pair.public);
  });
});

test("what is not a private key, is cut off or needs a passphrase has no public key", () => {
  const pair = makeKeyPair();
  const protectedPair = makeKeyPair({ protection: { passphrase: "secret words", cipher: "aes256-ctr", rounds: 1 } });
  const cut = pair.private.replace(/\n.{20}(?=.*\n-----END)/, "\n");
  for (const text of ["", "text", pair.public, protectedPair.private, cut, pair.private.slice(0, 120)])
    expect(publicKeyOf(text)).toBeUndefined();
  expect(publicKeyOf(pair.private)).toBe(pair.public.split(" ").slice(0, 2).join(" "));
});
