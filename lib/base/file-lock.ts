import { spawn } from "node:child_process";
import { type FileHandle, open, readFile, rm, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { makeFolder } from "./atomic.ts";
import { isLabError } from "./error.ts";
import { fileNotWritten, lockerNotStarted, lockHeld, noLockProgram, notLockable } from "./errors.ts";
import { isGone, type ProcessIdentity, shareComputer, shareKernel, startTime, thisProcess } from "./process-identity.ts";
import { type Attempt, waitFor } from "./wait.ts";

// A lock is flock(2) on a file: the kernel frees it when its holder ends, however that ends, and keeps it apart for all containers and network namespaces of a computer; NFS has it for all its
// computers. Node has no call for it, and needs none: the lock belongs to the open file, which `flock` gets from us, locks and leaves to us. What the file holds says who has it, for people.

/** Who has a lock, by its own words. */
export interface LockHolder extends ProcessIdentity {
  /** For people: `up LAB`. */
  readonly verb: string;
  /** ISO time. */
  readonly since: string;
}

export interface FileLock {
  /** Frees it, if it is still ours: a lock file that was removed by hand may be another run's by now. */
  release(): Promise<void>;
}

/** The lock, or who has it; undefined for a holder that has not said so. */
export type LockAttempt =
  | { readonly taken: true; readonly lock: FileLock }
  | { readonly taken: false; readonly holder: LockHolder | undefined };

/**
 * Tries to take a lock, without waiting for its holder.
 *
 * @param file is made where there is none (0600), and removed by the release
 * @throws LabError `file.not-written`, `file.not-lockable`, `file.no-lock-program`, `system.*` where this computer starts no more programs
 */
export async function tryLock(file: string, { verb, since }: Pick<LockHolder, "verb" | "since">): Promise<LockAttempt> {
  const me = await thisProcess();
  for (let round = 0; round < ROUNDS; round += 1) {
    const handle = await openLock(file);
    let kept = false;
    try {
      if (!(await flock(file, handle))) return { taken: false, holder: await holderOf(file) };
      // Its former holder may have removed it between our two steps.
      if (!(await isStill(file, handle))) continue;
      const left = parseHolder(await textOf(handle));
      if (left !== undefined && (await mayLive(left, me, await isOfThisComputer(file)))) return { taken: false, holder: left };
      await sayWhoHas(handle, { ...me, verb, since });
      kept = true;
      return { taken: true, lock: { release: () => release(file, handle) } };
    } finally {
      if (!kept) await handle.close();
    }
  }
  return { taken: false, holder: await holderOf(file) };
}

/** How often a lock is tried again whose file was removed at that very moment: each time another run had it. */
const ROUNDS = 20;

/** Pause between two tries of one that waits, in milliseconds. */
export const LOOK_AGAIN_MS = 250;

/**
 * Runs `work` under a lock for a short piece of work, waiting while another run does the same.
 *
 * @throws LabError `file.locked` after half a minute
 */
export function withFileLock<T>(file: string, verb: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  // Callers within this process take turns without asking the kernel.
  const turn = (turns.get(file) ?? Promise.resolve()).then(() => lockedAlone(file, verb, work, signal));
  turns.set(
    file,
    turn.catch(() => {}),
  );
  return turn;
}

const turns = new Map<string, Promise<unknown>>();

async function lockedAlone<T>(file: string, verb: string, work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  let holder: LockHolder | undefined;
  const since = new Date().toISOString();
  const look = async (): Promise<Attempt<FileLock>> => {
    const attempt = await tryLock(file, { verb, since });
    if (attempt.taken) return { done: true, value: attempt.lock };
    holder = attempt.holder;
    return { done: false, missing: "the lock" };
  };
  const options = { what: file, timeoutMs: 30_000, intervalMs: 50, signal };
  const lock = await waitFor(look, options).catch(async (error: unknown) => {
    if (!isLabError(error) || error.code !== "wait.timeout") throw error;
    throw lockHeld(file, describeHolder(holder, new Date()), wayOut(holder, await thisProcess(), file));
  });
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

/** Who holds a lock, for people. */
export function describeHolder(holder: LockHolder | undefined, now: Date): string {
  if (holder === undefined) return "a process that has not said who it is";
  const { verb, pid, computer, since } = holder;
  const seconds = Math.max(0, Math.round((now.getTime() - Date.parse(since)) / 1000));
  return `\`${verb}\`, process ${pid} on ${computer}, since ${since} (${seconds} s ago)`;
}

/** How a lock gets free, with the commands. */
export function wayOut(holder: LockHolder | undefined, me: ProcessIdentity, file: string): string {
  if (holder === undefined) return `Wait for it to end; \`fuser -v ${file}\` names the process. Then run the command again.`;
  const { pid, computer, namespace } = holder;
  // A lock of an earlier version tells no more than the computer.
  const here = shareKernel(holder, me) || (holder.boot === "" && computer === me.computer);
  if (!here)
    return `Wait for it to end, or stop it on ${computer} (kill ${pid}), and run the command again. If ${computer} is gone, or has no such process: rm ${file}`;
  if (namespace !== "" && namespace !== me.namespace)
    return `Wait for it to end, or stop it in its container, where it is process ${pid} (outside, \`fuser -v ${file}\` names it), and run the command again.`;
  return `Wait for it to end, or stop it (kill ${pid}), and run the command again.`;
}

async function openLock(file: string): Promise<FileHandle> {
  try {
    await makeFolder(dirname(file));
    return await open(file, "a+", 0o600);
  } catch (error) {
    throw fileNotWritten(file, error);
  }
}

/** Programs that lock the file which they get as descriptor 3, and end with 1 and without a word when another process has it. */
export const LOCKERS: readonly (readonly [string, ...string[]])[] = [
  ["flock", "-x", "-n", "3"],
  [
    "perl",
    "-e",
    'use Fcntl qw(:flock); use Errno qw(EWOULDBLOCK); open(my $f, "+<&=", 3) or die "$!\\n"; exit 0 if flock($f, LOCK_EX | LOCK_NB); exit 1 if $! == EWOULDBLOCK; die "$!\\n"',
  ],
];

/** A file server that is gone does not answer at all. */
const ANSWER_MS = 15_000;

async function flock(file: string, handle: FileHandle): Promise<boolean> {
  for (const [program, ...args] of LOCKERS) {
    const ended = await lockWith(program, args, handle.fd);
    if (ended === "no such program") continue;
    if (ended.code === "not started") throw lockerNotStarted(program, ended.error);
    if (ended.code === 0) return true;
    if (ended.code === 1 && ended.said === "") return false;
    throw notLockable(file, ended.said === "" ? `${program} did not answer` : (ended.said.split("\n").at(-1) ?? ""));
  }
  throw noLockProgram(file);
}

function lockWith(
  program: string,
  args: readonly string[],
  descriptor: number,
): Promise<
  "no such program" | { readonly code: "not started"; readonly error: Error } | { readonly code: number | null; readonly said: string }
> {
  return new Promise((resolve) => {
    // A group of its own: Ctrl-C is for us, and we answer it when we are asked the next time.
    const child = spawn(program, args, {
      detached: true,
      cwd: "/",
      env: { LC_ALL: "C", PATH: [process.env["PATH"], "/usr/local/bin:/usr/bin:/bin"].filter(Boolean).join(":") },
      stdio: ["ignore", "ignore", "pipe", descriptor],
    });
    let said = "";
    const late = setTimeout(() => {
      child.kill("SIGKILL");
      resolve({ code: null, said });
    }, ANSWER_MS);
    child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    child.once("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(late);
      // EACCES: not executable for us, or in a folder that we may not search; the next one may do.
      resolve(error.code === "ENOENT" || error.code === "EACCES" ? "no such program" : { code: "not started", error });
    });
    child.once("close", (code) => {
      clearTimeout(late);
      resolve({ code, said: said.trim() });
    });
  });
}

/** The name still leads to the file that is open. */
async function isStill(file: string, handle: FileHandle): Promise<boolean> {
  const [named, opened] = await Promise.all([stat(file, { bigint: true }).catch(() => undefined), handle.stat({ bigint: true })]);
  return named !== undefined && named.ino === opened.ino && named.dev === opened.dev;
}

/**
 * The kernel gave us the lock; can the one that is written down have it all the same? Only where a folder is shared without its locks (virtual machines, some of NFS): then the kernel of another
 * computer has given it, and that computer alone knows whether its process lives. Pure but for processes of earlier versions, which took no lock of the kernel.
 */
export async function mayLive(left: LockHolder, me: ProcessIdentity, ofThisComputer: boolean): Promise<boolean> {
  if (left.boot === "") return left.computer === me.computer ? (await startTime(left.pid)) === left.started : !ofThisComputer;
  return !ofThisComputer && !shareKernel(left, me) && !shareComputer(left, me);
}

/** Types of file systems that one kernel has for itself, by the magic numbers of statfs(2): what the kernel says of locks there is all there is to know. */
const OF_ONE_KERNEL: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0x2fc12fc1, // zfs
  0xf2f52010, // f2fs
  0xca451a4e, // bcachefs
  0x01021994, // tmpfs
  0x794c7630, // overlayfs
  0x4d44, // fat
  0x2011bab0, // exfat
]);

async function isOfThisComputer(file: string): Promise<boolean> {
  const found = await statfs(dirname(file)).catch(() => undefined);
  return found !== undefined && OF_ONE_KERNEL.has(found.type);
}

/** For people alone: on a full disk the lock is held without it. */
async function sayWhoHas(handle: FileHandle, holder: LockHolder): Promise<void> {
  await handle
    .truncate(0)
    .then(() => handle.appendFile(`${JSON.stringify(holder)}\n`))
    .catch(() => {});
}

async function textOf(handle: FileHandle): Promise<string> {
  const { size } = await handle.stat();
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(size, 65_536)), 0, Math.min(size, 65_536), 0);
  return buffer.subarray(0, bytesRead).toString("utf8");
}

async function release(file: string, handle: FileHandle): Promise<void> {
  try {
    // While we hold it no other run can have taken it, unless its file was removed by hand.
    if (await isStill(file, handle)) await rm(file, { force: true }).catch(() => handle.truncate(0).catch(() => {}));
  } finally {
    await handle.close();
  }
}

/** Who says to hold the lock. One that has just taken it has not written so yet: the text may be that of a dead one, or half of one. */
async function holderOf(file: string): Promise<LockHolder | undefined> {
  const look = async (): Promise<Attempt<LockHolder>> => {
    const holder = parseHolder(await readFile(file, "utf8").catch(() => ""));
    return holder === undefined || (await isGone(holder)) ? { done: false, missing: "its holder" } : { done: true, value: holder };
  };
  return waitFor(look, { what: "the holder of a lock", timeoutMs: 300, intervalMs: 20 }).catch(() => undefined);
}

function parseHolder(text: string): LockHolder | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const entries = new Map(Object.entries(value));
  const field = (name: string) => (typeof entries.get(name) === "string" ? String(entries.get(name)) : "");
  const pid = Number(entries.get("pid"));
  if (!Number.isSafeInteger(pid) || pid <= 0 || field("computer") === "") return undefined;
  return {
    pid,
    started: field("started"),
    namespace: field("namespace"),
    boot: field("boot"),
    machine: field("machine"),
    computer: field("computer"),
    verb: field("verb"),
    since: field("since"),
  };
}
