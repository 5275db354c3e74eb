import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import * as v from "valibot";
import { isLabError } from "../error.ts";
import { type Look, waitFor } from "../wait.ts";
import { readIfPresent } from "./atomic.ts";
import { locked } from "./errors.ts";

const ownerSchema = v.object({ pid: v.number(), started: v.string(), computer: v.string(), verb: v.string(), since: v.string() });
type Owner = v.InferOutput<typeof ownerSchema>;

/** For a caller that waits for the lock instead of being refused. */
export interface LockPatience {
  /** Longest wait, in milliseconds; then the lock is refused after all. */
  readonly timeoutMs: number;
  /** Told who holds it, once for each holder. */
  readonly onWait: (holder: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` while holding the lab's lock. A lock whose process is gone (killed, or the computer rebooted) is taken over at once: pid and start time tell, so a
 * killed `up` never blocks the next one. lockfile libraries wait for a time-out of seconds here instead.
 *
 * @param patience waits while another one holds it. @default refused at once
 * @throws LabError `project.locked`, with who holds it and for how long
 */
export async function withLock<T>(
  lab: string,
  file: string,
  verb: string,
  now: () => Date,
  work: () => Promise<T>,
  patience?: LockPatience,
): Promise<T> {
  await acquire(lab, file, verb, now, patience);
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function acquire(lab: string, file: string, verb: string, now: () => Date, patience: LockPatience | undefined): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const owner: Owner = {
    pid: process.pid,
    started: (await startTime(process.pid)) ?? "",
    computer: hostname(),
    verb,
    since: now().toISOString(),
  };
  const mine = `${file}.${process.pid}`;
  await writeFile(mine, JSON.stringify(owner), { mode: 0o600 });
  try {
    const holder = await take(mine, file);
    if (holder === undefined) return;
    if (patience === undefined) throw locked(lab, describe(holder, now()));
    await outwait(lab, mine, file, holder, now, patience);
  } finally {
    await rm(mine, { force: true });
  }
}

/** One try. @returns who holds the lock; undefined once it is ours */
async function take(mine: string, file: string): Promise<Owner | undefined> {
  // link() fails when the name exists, and shows no half-written lock to others.
  for (;;) {
    const taken = await link(mine, file).then(
      () => true,
      () => false,
    );
    if (taken) return undefined;
    const found = await readIfPresent(file);
    const holder = parseOwner(found);
    if (holder !== undefined && (await isAlive(holder))) return holder;
    await discard(file, found);
  }
}

async function outwait(
  lab: string,
  mine: string,
  file: string,
  first: Owner,
  now: () => Date,
  { timeoutMs, onWait, signal }: LockPatience,
): Promise<void> {
  let told: string | undefined;
  let holder = first;
  const look = async (): Promise<Look<undefined>> => {
    const found = await take(mine, file);
    if (found === undefined) return { done: true, value: undefined };
    holder = found;
    const name = JSON.stringify(found);
    if (name !== told) onWait(describe(found, now()));
    told = name;
    return { done: false, missing: "the lock" };
  };
  try {
    await waitFor(look, { what: `the lock of "${lab}"`, timeoutMs, intervalMs: LOOK_AGAIN_MS, ...(signal !== undefined && { signal }) });
  } catch (error) {
    throw isLabError(error) && error.code === "wait.timeout" ? locked(lab, describe(holder, now())) : error;
  }
}

/** Pause between two tries, in milliseconds. */
const LOOK_AGAIN_MS = 250;

/** Removes a dead lock, but only that one: moved aside first, and put back if another process has locked in between. */
async function discard(file: string, dead: string | undefined): Promise<void> {
  const aside = `${file}.dead.${process.pid}`;
  await rename(file, aside).catch(() => undefined);
  if ((await readIfPresent(aside)) !== dead) await link(aside, file).catch(() => undefined);
  await rm(aside, { force: true });
}

function parseOwner(text: string | undefined): Owner | undefined {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), ownerSchema), text);
  return parsed.success ? parsed.output : undefined;
}

async function isAlive(owner: Owner): Promise<boolean> {
  // The folder may be shared with another computer, whose processes can't be looked at from here.
  if (owner.computer !== hostname()) return true;
  return (await startTime(owner.pid)) === owner.started;
}

/** Start time of a process in clock ticks since boot; undefined when there is none. */
async function startTime(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The second field is the command in parentheses and may hold blanks; the start time is field 22.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

function describe({ verb, pid, computer, since }: Owner, now: Date): string {
  const seconds = Math.max(0, Math.round((now.getTime() - Date.parse(since)) / 1000));
  return `\`${verb}\`, process ${pid} on ${computer}, since ${since} (${seconds} s ago)`;
}
