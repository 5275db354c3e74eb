import { isLabError, isSystemError, LabError } from "./error.ts";

/** Errors of system calls that are no fault of redis-lab, by `errno` name: what they say, and what to do about it. */
const SYSTEM_ERRORS: Readonly<Record<string, readonly [what: string, next: string]>> = {
  ENOSPC: ["there is no space left", "Free some space there (`df -h`), then run the same command again."],
  EDQUOT: ["the quota of this user is used up", "Free some space (`quota`), then run the same command again."],
  EACCES: ["permission denied", "Check owner and mode of it and of the folders above it (`namei -l PATH`)."],
  EPERM: ["not permitted", "Check owner, mode and attributes of it (`namei -l PATH`, `lsattr PATH`)."],
  EROFS: ["the file system is mounted read-only", "Name a place that can be written to, or see `dmesg` for the reason."],
  EMFILE: ["too many open files", "Raise the limit of open files (`ulimit -n 4096`), then run the same command again."],
  ENFILE: ["too many open files on this computer", "End what holds them (`lsof`), or raise fs.file-max, then run the same command again."],
  ENOENT: ["there is no such file or folder", "Check the name, then run the same command again."],
  ENOTDIR: ["a part of the path is not a folder", "Check the name, then run the same command again."],
  EISDIR: ["it is a folder", "Name a file."],
  ENAMETOOLONG: ["the name is too long", "Choose a shorter one."],
  EIO: ["the disk does not answer as it should", "See `dmesg` for the reason."],
};

/**
 * The error of something that may fail (a host, a file, a server), for one who goes on without it.
 *
 * @throws what was thrown, where it says nothing of that: a defect of redis-lab, or an interruption
 */
export function expectedError(error: unknown): LabError {
  const known = labErrorOf(error);
  if (known === undefined) throw error;
  return known;
}

/**
 * What was thrown as an error with advice: a LabError as it is, an error of a system call as `system.ERRNO`, of the kind `environment`. Undefined for
 * everything else, which is a defect of redis-lab. ENOENT and ENOTDIR without a path say nothing to anyone, and count as defects.
 */
export function labErrorOf(error: unknown): LabError | undefined {
  if (isLabError(error)) return error;
  if (!isSystemError(error)) return undefined;
  const { code, syscall, path } = error;
  const [what, next] = SYSTEM_ERRORS[code] ?? [];
  if (what === undefined || next === undefined || (path === undefined && (code === "ENOENT" || code === "ENOTDIR"))) return undefined;
  const props = { code: `system.${code.toLowerCase()}`, kind: "environment", cause: error } as const;
  if (syscall.startsWith("spawn"))
    return new LabError({
      ...props,
      what: `${path ?? "A program"} can't be started: ${code === "ENOENT" ? "there is no such program" : what} (${code}).`,
      next: code === "ENOENT" ? "Install it, or add its folder to PATH." : next,
    });
  return new LabError({ ...props, what: `${syscall}${path === undefined ? "" : ` ${path}`}: ${what} (${code}).`, next });
}
