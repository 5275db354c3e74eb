import { open } from "node:fs/promises";
import { LabError } from "./error.ts";

/**
 * The text of a file that holds a password. As OpenSSH does with private keys (sshkey_perm_ok in authfile.c), a file of this user that others may read is refused; what another user keeps for this one is that user's matter, and
 * what is no file (a pipe, a terminal) has no permissions to speak of.
 *
 * @throws LabError `file.not-private`; the system's error where it can't be read
 */
export async function readPrivateFile(file: string): Promise<string> {
  const handle = await open(file, "r");
  try {
    const seen = await handle.stat();
    if (seen.isFile() && seen.uid === process.getuid?.() && (seen.mode & 0o077) !== 0) throw notPrivate(file, seen.mode);
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}

function notPrivate(file: string, mode: number): LabError {
  const quoted = /^[\w@%+=:,./-]+$/.test(file) ? file : `'${file.replaceAll("'", `'\\''`)}'`;
  return new LabError({
    code: "file.not-private",
    kind: "refused",
    what: `${file} holds a password, and others on this computer may read or change it (mode ${(mode & 0o777).toString(8).padStart(4, "0")}).`,
    why: "redis-lab takes no password from such a file, as ssh takes no private key from one.",
    next: `Keep it to yourself, and run the command again: chmod 600 ${quoted}. Take another password where others have seen it.`,
  });
}
