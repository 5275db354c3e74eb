import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * A file or folder that is the same for every run, kept in the XDG cache below redis-lab; `make` makes it in a work folder beside it, and returns its path there, when it is not
 * there yet.
 */
export async function cached(room: "test-sources" | "test-vms", name: string, make: (work: string) => Promise<string>): Promise<string> {
  const folder = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "redis-lab", room);
  const target = join(folder, name);
  if (existsSync(target)) return target;
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, "work-"));
  try {
    await rename(await make(work), target);
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!existsSync(target)) throw error;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return target;
}
