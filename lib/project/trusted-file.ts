import { lstatSync, realpathSync } from "node:fs";
import { dirname } from "node:path";

/** Whose files a program may be run from: this process's user. Ids are numbers of the kernel. */
export interface Trustee {
  readonly uid: number;
  /** Of the user's own groups the first, which on many systems has no other member. */
  readonly gid: number;
  /** Who became root by sudo: it is that user's project. */
  readonly sudoUid: number | undefined;
}

/** Permissions and owner of a file or folder, as lstat(2) gives them. */
export interface Ownership {
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly folder: boolean;
}

const [GROUP_WRITES, OTHERS_WRITE, STICKY] = [0o020, 0o002, 0o1000];

export function thisUser(environment: NodeJS.ProcessEnv = process.env): Trustee {
  const uid = process.getuid?.() ?? -1;
  const sudoUid = Number(environment["SUDO_UID"]);
  return { uid, gid: process.getgid?.() ?? -1, sudoUid: uid === 0 && Number.isInteger(sudoUid) ? sudoUid : undefined };
}

/**
 * Why a file that was found, and not named, must not be run; undefined where nothing speaks against it. It, and all folders that lead to it, must belong to the user or to root, and others may
 * not replace them: otherwise another user of the computer decides what runs here, as in CVE-2022-24765 of git.
 */
export function whyNotTrusted(file: string, user: Trustee = thisUser()): string | undefined {
  for (let path = realpathSync(file); ; path = dirname(path)) {
    const found = lstatSync(path);
    const fault = faultOf({ path, uid: found.uid, gid: found.gid, mode: found.mode, folder: found.isDirectory() }, user);
    if (fault !== undefined) return fault;
    if (dirname(path) === path) return undefined;
  }
}

/** Pure. */
export function faultOf({ path, uid, gid, mode, folder }: Ownership, user: Trustee): string | undefined {
  if (![0, user.uid, user.sudoUid].includes(uid)) return `${path} belongs to the user with the id ${uid}`;
  // In a sticky folder (/tmp) others can make files, and not replace those of another.
  if (folder && (mode & STICKY) !== 0) return undefined;
  if ((mode & OTHERS_WRITE) !== 0) return `every user of this computer can write ${path}`;
  if ((mode & GROUP_WRITES) !== 0 && gid !== 0 && gid !== user.gid) return `the group with the id ${gid} can write ${path}`;
  return undefined;
}
