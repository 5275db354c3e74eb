import ssh2 from "ssh2";
import { expect, test } from "vitest";
import { makeKeyPair } from "../../../lib/connection/key-pair.ts";
import { fingerprint, type KnownKey } from "../../../lib/connection/known-hosts.ts";
import { compareWithConsole } from "../../../lib/operations/vms/console-keys.ts";

function key(): KnownKey {
  const parsed = ssh2.utils.parseKey(makeKeyPair().public);
  if (parsed instanceof Error) throw parsed;
  return { type: "ssh-ed25519", blob: parsed.getPublicSSH().toString("base64"), file: "known_hosts", line: 1 };
}
const [own, other] = [key(), key()];
const print = (of: KnownKey, kind = "ED25519") => `<14>Dec  1 06:00:00 ec2: 256 ${fingerprint(of)} root@redis-18 (${kind})`;

test.each<readonly [what: string, lines: readonly string[], pinned: readonly KnownKey[], kind: string]>([
  ["its fingerprint", [print(own)], [own], "same"],
  ["its key", [`ec2: ssh-ed25519 ${own.blob} root@redis-18`], [own], "same"],
  ["its key among others", [print(other, "ECDSA"), `ssh-ed25519 ${own.blob}`], [own], "same"],
  ["another key of that type", [print(other)], [own], "other"],
  ["another key, as it is", [`ssh-ed25519 ${other.blob}`], [own], "other"],
  ["no key of that type", [print(other, "RSA")], [own], "silent"],
  ["a torn fingerprint", [print(other).replace(/SHA256:..../, "SHA256:[  12.3] ")], [own], "silent"],
  ["a torn key", [`ssh-ed25519 ${other.blob.slice(0, 40)}`], [own], "silent"],
  ["nothing", [], [own], "silent"],
  ["keys where none is pinned", [print(other)], [], "silent"],
])("a console with %s", (_, lines, pinned, kind) => expect(compareWithConsole(lines, pinned).kind).toBe(kind));
