import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** What takes minutes to make and is the same for every run: the provider and the image, under keys of all that went into them. */
export function rigCache(): string {
  return join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "redis-lab", "test-vms");
}

/** A file or folder of the cache; `make` makes it in a folder beside it, and returns its path there, when it is not there yet. */
export async function cached(name: string, make: (work: string) => Promise<string>): Promise<string> {
  const target = join(rigCache(), name);
  if (existsSync(target)) return target;
  await mkdir(rigCache(), { recursive: true });
  const work = await mkdtemp(join(rigCache(), "work-"));
  try {
    await rename(await make(work), target);
  } catch (error) {
    // Another run may have made it meanwhile.
    if (!existsSync(target)) throw error;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return target;
}
