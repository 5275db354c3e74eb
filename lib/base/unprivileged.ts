import { readFile } from "node:fs/promises";
import type { UserIds } from "./process.ts";

/** systemd takes user ids for services without an account of their own from here (systemd.exec(5), DynamicUser=); no account has one of them. */
const FIRST = 61_184;
const LAST = 65_519;

/**
 * A user that owns nothing and may do nothing, for a program that reads what others wrote; undefined where this process is not root, and where a user namespace knows no such user (then
 * its root is an ordinary user outside of it).
 */
export async function unprivilegedUser(): Promise<UserIds | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  // Another one for each process of ours: what one of them reads is none of the business of another.
  const id = FIRST + (process.pid % (LAST - FIRST + 1));
  const known = await Promise.all(["uid_map", "gid_map"].map(async (map) => isMapped(id, await readFile(`/proc/self/${map}`, "utf8"))));
  return known.every((each) => each) ? { uid: id, gid: id } : undefined;
}

/** Whether a user namespace knows an id, by its map of lines `FIRST-INSIDE FIRST-OUTSIDE COUNT` (user_namespaces(7)). Pure. */
export function isMapped(id: number, map: string): boolean {
  return map.split("\n").some((line) => {
    const [inside = Number.NaN, , count = 0] = line.trim().split(/\s+/).map(Number);
    return id >= inside && id < inside + count;
  });
}
