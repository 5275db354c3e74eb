import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where sources and builds are kept on this computer: `redis-lab` below XDG_CACHE_HOME (XDG Base Directory Specification). @default ~/.cache/redis-lab */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const xdg = environment["XDG_CACHE_HOME"];
  // A relative path is invalid by the specification and to be ignored.
  return join(xdg?.startsWith("/") ? xdg : join(homedir(), ".cache"), "redis-lab");
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** Leftovers of killed runs older than this are removed, in milliseconds: no download or build takes so long. */
const LEFTOVER_AGE_MS = 6 * 3_600_000;

/**
 * Makes a file of the cache: `fill` writes to a fresh temporary file beside it, which takes its name only when `fill` has resolved. So a file of the cache is
 * always whole, and two processes that make the same one do not disturb each other: the later rename wins, with the same content.
 */
export async function intoCache<T>(path: string, fill: (temporary: string) => Promise<T>): Promise<T> {
  const folder = join(path, "..");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await removeLeftovers(folder);
  const temporary = `${path}.part-${randomBytes(6).toString("hex")}`;
  try {
    const result = await fill(temporary);
    await rename(temporary, path);
    return result;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!/\.part-[0-9a-f]{12}$/.test(name)) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > LEFTOVER_AGE_MS) await rm(path, { recursive: true, force: true });
  }
}
