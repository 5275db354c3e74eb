import { accessSync, constants, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { errnoOf } from "./errors.ts";

/** Where execvp(3) would find a program, or why it would not. */
export type FoundProgram =
  | { readonly kind: "found"; readonly path: string }
  /** A file of that name is there, and this user may not execute it. */
  | { readonly kind: "not-executable"; readonly path: string }
  /** No folder that can be searched has it, and this one can't be: it may be there. */
  | { readonly kind: "hidden"; readonly folder: string }
  | { readonly kind: "absent" };

/** Folders that the C library searches where there is no PATH at all. */
const DEFAULT_PATH = "/usr/bin:/bin";

/**
 * Searches the folders of PATH as execvp(3) does: the first file that may be executed. A folder that can't be searched, does not exist or is a file is passed over.
 *
 * @param program its name, or a path, which is searched nowhere
 * @param environment that the program is to get: its PATH counts
 * @param cwd what relative paths are relative to. @default the folder of this process
 */
export function findProgram(program: string, environment: NodeJS.ProcessEnv, cwd = process.cwd()): FoundProgram {
  const folders = program.includes("/") ? [""] : (environment["PATH"] ?? DEFAULT_PATH).split(delimiter);
  const candidates = folders.map((folder) => join(folder, program)).map((path) => (path.startsWith("/") ? path : join(cwd, path)));
  const files = candidates.filter(isFile);
  const path = files.find(isExecutable);
  if (path !== undefined) return { kind: "found", path };
  const [barred] = files;
  if (barred !== undefined) return { kind: "not-executable", path: barred };
  const hidden = candidates.find(isHidden);
  return hidden === undefined ? { kind: "absent" } : { kind: "hidden", folder: dirname(hidden) };
}

/** Whether a folder before it keeps us from seeing the file. */
function isHidden(path: string): boolean {
  try {
    statSync(path);
    return false;
  } catch (error) {
    return errnoOf(error) === "EACCES";
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
