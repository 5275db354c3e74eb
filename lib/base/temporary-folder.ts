import { lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isGoneByMark, MARK, markOf } from "./process-identity.ts";

/** What the folder holds, for people who find it. */
export type TemporaryKind = "server" | "load" | "script" | "cli" | "virsh" | "ssh";

/** Its name bears the mark of its process; an XXXXXX of mkdtemp(3) follows. */
const NAME = new RegExp(`^redis-lab-(?:server|load|script|cli|virsh|ssh)-${MARK}-[A-Za-z0-9]{6}$`);

/**
 * Makes a folder (0700) that this process removes when it is done with it. If it is killed before, the next run removes it (`removeTemporaryFolders`).
 *
 * @param below @default the system's folder for temporary files
 */
export async function temporaryFolder(kind: TemporaryKind, below = tmpdir()): Promise<string> {
  await removeTemporaryFolders(below);
  return mkdtemp(join(below, `redis-lab-${kind}-${await markOf()}-`));
}

/** Removes the temporary folders of runs that were killed: they hold keys of a lab. @param below @default the system's folder for temporary files */
export function removeTemporaryFolders(below = tmpdir()): Promise<void> {
  return removeLeftovers(below, NAME);
}

/** Folders that were looked through: what is found there belongs to runs before this one. */
const looked = new Map<string, Promise<void>>();

/**
 * Removes from a folder what ended processes of this user left there, once in the life of this process. Only what is certainly ours and of no more use goes: its name has a process's mark, its
 * owner is this user, and that process has ended. Nothing that fails here is a failure of its caller.
 *
 * @param name its first group is the mark
 */
export function removeLeftovers(folder: string, name: RegExp): Promise<void> {
  const key = `${folder}\n${name.source}`;
  const known = looked.get(key) ?? sweep(folder, name);
  looked.set(key, known);
  return known;
}

async function sweep(folder: string, pattern: RegExp): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const mark = pattern.exec(name)?.[1];
    if (mark === undefined || !(await isGoneByMark(mark))) continue;
    const path = join(folder, name);
    const found = await lstat(path).catch(() => undefined);
    if (found === undefined || found.uid !== process.getuid?.()) continue;
    // Links in it are removed, and not what they lead to.
    await rm(path, { recursive: true, force: true }).catch(() => {});
  }
}
