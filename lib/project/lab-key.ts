import { chmod, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { readIfPresent, writeAtomically } from "../base/atomic.ts";
import { withFileLock } from "../base/file-lock.ts";
import type { Lab } from "../lab/schema.ts";
import { corruptFile, unusablePublicKey } from "./errors.ts";
import type { Project } from "./project.ts";

/** The private key of a lab (0600), the same for all its targets; the public one is beside it as `.pub`. */
export function labKeyFile(project: Pick<Project, "stateFolder">, lab: string): string {
  return join(project.stateFolder, lab, "id_ed25519");
}

/**
 * The public key that the VMs of a lab get: that of `libvirt.publicKeyFile`, or else of a key of the lab's own, which the first call makes. Several calls at once,
 * of several processes too, end with one key.
 *
 * @returns a line as in authorized_keys; its comment is `redis-lab LAB` for a key of the lab's own
 * @throws LabError `project.public-key-file`; `project.corrupt-file` for a private key that can't be read or is gone
 */
export async function ensureLabKey(project: Project, lab: Lab): Promise<string> {
  const given = lab.libvirt.publicKeyFile;
  return given === undefined ? ownKey(project, lab) : readPublicKey(resolve(project.root, given));
}

async function ownKey(project: Project, lab: Lab): Promise<string> {
  const file = labKeyFile(project, lab.name);
  const comment = `redis-lab ${lab.name}`;
  // In this order: where the pair is made, the private key is written first.
  const known = await readIfPresent(`${file}.pub`);
  const { makeKeyPair, publicKeyOf } = await import("../connection/key-pair.ts");
  if (known === undefined && (await readIfPresent(file)) === undefined)
    await withFileLock(`${file}.lock`, "synth", async () => {
      // Another one may have been faster.
      if ((await readIfPresent(file)) === undefined) await writeAtomically(file, makeKeyPair({ comment }).private);
    });
  const text = await readIfPresent(file);
  if (text === undefined) throw corruptKey(lab, file, "it is gone, and its public key is still there");
  if (((await stat(file)).mode & 0o077) !== 0) await chmod(file, 0o600);
  const key = publicKeyOf(text);
  if (key === undefined) throw corruptKey(lab, file, "it is not a private key that can be used without a passphrase");
  const line = `${key} ${comment}`;
  if (known?.trim() !== line) await writeAtomically(`${file}.pub`, `${line}\n`, 0o644);
  return line;
}

function corruptKey(lab: Lab, file: string, why: string): Error {
  return corruptFile(
    file,
    why,
    `Restore it from a backup. If there is none, remove it (rm -f ${file} ${file}.pub): the next synth makes another key, and VMs that know the old one alone have to be made again: redis-lab rebuild ${lab.name}`,
  );
}

/** Types that OpenSSH 7.4 (CentOS 7) and later accept; those of security keys come with 8.2. */
const LINE =
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com) ([A-Za-z0-9+/]+={0,2})(?: [\x20-\x7e\u00a0-\uffff]*)?$/;

async function readPublicKey(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw unusablePublicKey(file, "it can't be read", cause);
  });
  // What is in it is never shown: it may be the wrong file.
  if (/PRIVATE KEY|PuTTY-User-Key-File/.test(text))
    throw unusablePublicKey(file, "it holds a private key, which must not leave its computer");
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
  if (lines.length !== 1) throw unusablePublicKey(file, `it has ${lines.length} keys, and must have one`);
  const line = (lines[0] ?? "").trim();
  const [, type = "", blob = ""] = LINE.exec(line) ?? [];
  // The blob begins with the length and text of its type (RFC 4253, 6.6).
  const bytes = Buffer.from(blob, "base64");
  if (type === "" || bytes.length < 4 + type.length || bytes.toString("latin1", 4, 4 + bytes.readUInt32BE(0)) !== type)
    throw unusablePublicKey(file, "its line is not a public key as ssh-keygen writes it: TYPE KEY COMMENT");
  return line;
}
