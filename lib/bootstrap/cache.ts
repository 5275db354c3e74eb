import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeFolder, syncFolder } from "../base/atomic.ts";
import { isLabError } from "../base/error.ts";
import { fileNotWritten, isDiskFault } from "../base/errors.ts";
import { isGoneByMark, MARK, markOf } from "../base/process-identity.ts";

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** Leftovers whose run can't be seen from here, ended or not, go after this time, in milliseconds: no download or build takes so long. */
const LEFTOVER_AGE_MS = 6 * 3_600_000;

/**
 * Makes a file of the cache: `fill` writes to a fresh temporary file beside it, which takes its name only when `fill` has resolved and all of it is on disk. So a file of the cache is
 * always whole, and two processes that make the same one do not disturb each other: the later rename wins, with the same content.
 *
 * @throws LabError `file.not-written` where the disk is full, read-only or broken; and what `fill` throws
 */
export async function intoCache<T>(path: string, fill: (temporary: string) => Promise<T>): Promise<T> {
  try {
    return await withTemporary(path, async (temporary) => {
      const result = await fill(temporary);
      // To flush it, reading is enough: a copy has the mode of its original.
      const file = await open(temporary, "r");
      try {
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
      await syncFolder(dirname(path));
      return result;
    });
  } catch (error) {
    throw !isLabError(error) && isDiskFault(error) ? fileNotWritten(path, error) : error;
  }
}

/** A folder of the cache for one piece of work of this process; it is gone afterwards. */
export async function withCacheFolder<T>(path: string, work: (folder: string) => Promise<T>): Promise<T> {
  return withTemporary(path, async (temporary) => {
    await mkdir(temporary, { mode: 0o700 });
    return work(temporary);
  });
}

async function withTemporary<T>(path: string, work: (temporary: string) => Promise<T>): Promise<T> {
  const folder = dirname(path);
  await makeFolder(folder);
  await removeLeftovers(folder);
  const temporary = `${path}.part-${await markOf()}-${randomBytes(4).toString("hex")}`;
  try {
    return await work(temporary);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** The home folder, and so the cache, may be shared with other computers, and earlier versions left no mark. */
const PART = new RegExp(`\\.part-(?:${MARK}-[0-9a-f]{8}|[0-9a-f]{12})$`);

async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const part = PART.exec(name);
    if (part === null) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) continue;
    const dead = part[1] !== undefined && (await isGoneByMark(part[1]));
    // One of another user, after a run under sudo, stays: it is in the way of nothing.
    if (dead || Date.now() - found.mtimeMs > LEFTOVER_AGE_MS) await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}
