import { readdir, readFile, readlink } from "node:fs/promises";
import { statOf } from "../base/process-identity.ts";
import { HOLDER_NAME } from "./scripts.ts";

/** The holder of some lab's network, found by how it was started: what was made of its files since does not matter. */
export interface FoundHolder {
  readonly pid: number;
  /** Start time in clock ticks since boot. */
  readonly start: string;
  /** Folder of its lab on its target; it may be gone. */
  readonly folder: string;
  /** Its mount namespace, which all processes of the lab have. */
  readonly mounts: string;
}

/** The holders of this user (of every user, for root) that were made from where this process is, and not in a container. */
export async function findHolders(): Promise<readonly FoundHolder[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const own = await readlink("/proc/self/ns/pid");
  return (await Promise.all(pids.map((pid) => holderOf(Number(pid), own)))).flat();
}

async function holderOf(pid: number, own: string): Promise<readonly FoundHolder[]> {
  const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
  const [program, option, , name, folder] = words;
  if (program !== "sh" || option !== "-c" || name !== HOLDER_NAME || folder === undefined) return [];
  const { start, state, parent } = statOf(await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ""));
  // Of other users' processes, and of those that end meanwhile, nothing can be read.
  const mounts = await readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined);
  const above = await readlink(`/proc/${parent}/ns/pid`).catch(() => undefined);
  if (start === undefined || state === "Z" || mounts === undefined || above !== own) return [];
  return [{ pid, start, folder, mounts }];
}
