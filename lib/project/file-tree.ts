import { lstat, mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { replaceFile } from "../base/atomic.ts";
import { isLabError } from "../base/error.ts";
import { errnoOf, fileNotWritten } from "../base/errors.ts";
import { notAFolderOfOurs } from "./errors.ts";
import { faultOf, thisUser, whyNotTrusted } from "./trusted-file.ts";

/** A file of a tree: its place below the folder, and its permission bits. */
export interface TreeFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

/**
 * Writes files below a folder that a user named. Each is 0600 from the moment at which there is anything to read, and takes the place of what had its name: a file with other permissions, or a link that another user put there, is replaced and
 * not written to. Folders are made as they are missing, and no link is gone through below the one that was named.
 *
 * @param secret the files hold passwords: what is made is for this user alone, and where another user could replace a folder on the way, or put one there before, nothing is written
 * @throws LabError `project.not-our-folder` before anything is written; `file.not-written`
 */
export async function writeTree(folder: string, files: readonly TreeFile[], secret: boolean): Promise<void> {
  const root = resolve(folder);
  const mode = secret ? 0o700 : 0o777;
  try {
    await mkdir(dirname(root), { recursive: true, mode });
    if (secret) refuse(root, whyNotTrusted(dirname(root)));
    await makeFolder(root, mode);
    refuse(root, await whyNotOurs(root, { secret, mayBeLink: !secret }));
    // Those above before those in them.
    const folders = new Set(files.flatMap(({ path }) => foldersOf(path)).toSorted((a, b) => a.length - b.length));
    for (const each of folders) {
      const path = join(root, each);
      await makeFolder(path, mode);
      refuse(path, await whyNotOurs(path, { secret, mayBeLink: false }));
    }
  } catch (error) {
    throw isLabError(error) ? error : fileNotWritten(root, error);
  }
  await Promise.all(
    files.map(async ({ path, text, mode: wanted }) => {
      const file = join(root, path);
      await replaceFile(file, wanted, (handle) => handle.writeFile(text)).catch((error: unknown) => {
        throw fileNotWritten(file, error);
      });
    }),
  );
}

/** `a/b/c` → `a`, `a/b`. */
function foldersOf(path: string): readonly string[] {
  const names = path.split("/").filter((name) => name !== "");
  return names.slice(1).map((_, index) => names.slice(0, index + 1).join("/"));
}

async function makeFolder(path: string, mode: number): Promise<void> {
  await mkdir(path, { mode }).catch((error: unknown) => {
    if (errnoOf(error) !== "EEXIST") throw error;
  });
}

async function whyNotOurs(
  path: string,
  { secret, mayBeLink }: { readonly secret: boolean; readonly mayBeLink: boolean },
): Promise<string | undefined> {
  const found = await lstat(path);
  if (found.isSymbolicLink() && !mayBeLink) return `${path} is a link`;
  if (!found.isSymbolicLink() && !found.isDirectory()) return `${path} is not a folder`;
  const fault = faultOf({ path, uid: found.uid, gid: found.gid, mode: found.mode, folder: found.isDirectory() }, thisUser());
  return secret || (found.isSymbolicLink() && fault?.includes(" belongs to ")) ? fault : undefined;
}

function refuse(path: string, why: string | undefined): void {
  if (why !== undefined) throw notAFolderOfOurs(path, why);
}
