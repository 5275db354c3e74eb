import { dirname } from "node:path";
import { LabError, messageOf } from "./error.ts";
import { labErrorOf } from "./system-error.ts";

/** A file could not be written: the disk's or the permissions' fault. `kept` is what is left of it. */
export function fileNotWritten(file: string, error: unknown, kept?: string): LabError {
  return new LabError({
    code: "file.not-written",
    kind: "environment",
    what: `${file} can't be written: ${reasonOf(error)}.`,
    ...(kept !== undefined && { why: kept }),
    next: adviceFor(file, error),
    cause: error,
  });
}

export function fileNotRead(file: string, error: unknown): LabError {
  return new LabError({
    code: "file.not-read",
    kind: "environment",
    what: `${file} can't be read: ${reasonOf(error)}.`,
    next: adviceFor(file, error),
    cause: error,
  });
}

/** The file system has no locks, or does not answer. */
export function notLockable(file: string, reason: string): LabError {
  return new LabError({
    code: "file.not-lockable",
    kind: "environment",
    what: `${file} can't be locked: ${reason}.`,
    why: "Two runs on the same files at once would undo each other's steps, and without locks of the file system nothing keeps them apart.",
    next: `Put the project on a local disk, or mount its file system with locks (NFS: without \`nolock\`, and with rpc.statd running). \`flock -n ${file} true\` tells whether it works.`,
  });
}

export function noLockProgram(file: string): LabError {
  return new LabError({
    code: "file.no-lock-program",
    kind: "environment",
    what: `${file} can't be locked: this computer has neither \`flock\` nor \`perl\`.`,
    why: "redis-lab takes its locks through one of them, so that the kernel frees them when a run is killed.",
    next: "Install util-linux, which has flock, and run the command again.",
  });
}

/** No matter of the file: this computer has no descriptors, processes or memory left. */
export function lockerNotStarted(program: string, error: Error): LabError {
  return (
    labErrorOf(error) ??
    new LabError({
      code: "system.not-started",
      kind: "environment",
      what: `${program} can't be started: ${reasonOf(error)}.`,
      why: "redis-lab takes its locks through it.",
      next: "See what this computer lacks (ulimit -n; ulimit -u; free -m), and run the command again.",
      cause: error,
    })
  );
}

/** A lock of ours that was not free in time. `holder` says who has it, `wayOut` how it gets free. */
export function lockHeld(what: string, holder: string, wayOut: string): LabError {
  return new LabError({
    code: "file.locked",
    kind: "refused",
    what: `Another redis-lab has ${what}: ${holder}.`,
    next: wayOut,
  });
}

/** `ENOSPC: no space left on device, write` → `no space left on device`. */
function reasonOf(error: unknown): string {
  const text = messageOf(error);
  return /^[A-Z0-9]+: ([^,]+)/.exec(text)?.[1] ?? text;
}

function adviceFor(file: string, error: unknown): string {
  const folder = dirname(file);
  switch (errnoOf(error)) {
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return `Make room there (df -h ${folder}; df -i ${folder}; quota), and run the command again.`;
    case "EACCES":
    case "EPERM":
      return `See whose it is (ls -ld ${folder} ${file}): after a run with sudo, \`sudo chown -R "$(id -un)" ${folder}\` gives it back.`;
    case "EROFS":
      return `The file system is read-only (findmnt -T ${folder}): make it writable, and run the command again.`;
    default:
      return `Look at the file and at its disk (ls -ld ${file}; dmesg | tail), and run the command again.`;
  }
}

/** The errno of an error, or of what it was made of. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : errnoOf(error.cause);
}

/** What was named is not there: a matter of the name, and of no permission or disk. */
export function isAbsent(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP"].includes(errnoOf(error) ?? "");
}

/** The disk is full, broken or read-only: no matter of what was to be written. */
export function isDiskFault(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EIO"].includes(errnoOf(error) ?? "");
}
