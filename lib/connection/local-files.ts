import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/**
 * Replaces a file of this computer in one step: `fill` writes a new file beside it, which is flushed, gets its mode and is renamed. Whatever fails before the rename
 * leaves the old file as it was. The folder is flushed too, because a rename is durable only then (fsync(2)).
 */
export async function replaceFile(path: string, mode: number, fill: (file: FileHandle, temporary: string) => Promise<void>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path).slice(0, 200)}.${randomBytes(6).toString("hex")}.tmp`);
  // 0600 while it is incomplete; `wx` refuses a file or link that somebody else put there.
  const file = await open(temporary, "wx", 0o600);
  try {
    try {
      await fill(file, temporary);
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
