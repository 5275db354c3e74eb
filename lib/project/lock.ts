import { isLabError } from "../base/error.ts";
import { describeHolder, type FileLock, LOOK_AGAIN_MS, type LockHolder, tryLock, wayOut } from "../base/file-lock.ts";
import { thisProcess } from "../base/process-identity.ts";
import { type Attempt, waitFor } from "../base/wait.ts";
import { locked } from "./errors.ts";

/** For a caller that waits for the lock instead of being refused. */
export interface LockPatience {
  /** Longest wait, in milliseconds; then the lock is refused after all. */
  readonly timeoutMs: number;
  /** Called with the holder, once for each. */
  readonly onWait: (holder: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` while holding the lab's lock. The kernel frees it when its process ends, so a killed `up` never blocks the next one.
 *
 * @param patience waits while another one holds it. @default refused at once
 * @throws LabError `project.locked`, with who holds it, for how long, and how it gets free; `file.*` where there can be no lock
 */
export async function withLock<T>(
  lab: string,
  file: string,
  verb: string,
  now: () => Date,
  work: () => Promise<T>,
  patience?: LockPatience,
): Promise<T> {
  const lock = await acquire(lab, file, verb, now, patience);
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

async function acquire(lab: string, file: string, verb: string, now: () => Date, patience: LockPatience | undefined): Promise<FileLock> {
  const since = now().toISOString();
  const me = await thisProcess();
  const refusal = (holder: LockHolder | undefined) => locked(lab, describeHolder(holder, now()), wayOut(holder, me, file));
  const first = await tryLock(file, { verb, since });
  if (first.taken) return first.lock;
  if (patience === undefined) throw refusal(first.holder);
  let { holder } = first;
  let reported: string | undefined;
  const look = async (): Promise<Attempt<FileLock>> => {
    const attempt = await tryLock(file, { verb, since: now().toISOString() });
    if (attempt.taken) return { done: true, value: attempt.lock };
    holder = attempt.holder;
    const name = JSON.stringify(holder);
    if (reported === undefined || name !== reported) patience.onWait(describeHolder(holder, now()));
    reported = name ?? "";
    return { done: false, missing: "the lock" };
  };
  const { timeoutMs, signal } = patience;
  try {
    return await waitFor(look, { what: `the lock of "${lab}"`, timeoutMs, intervalMs: LOOK_AGAIN_MS, signal });
  } catch (error) {
    throw isLabError(error) && error.code === "wait.timeout" ? refusal(holder) : error;
  }
}
