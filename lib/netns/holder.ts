import { readFile, rm } from "node:fs/promises";
import { readIfPresent, writeAtomically } from "../base/atomic.ts";
import { type ProcessIdentity, shareComputer, shareKernel, statOf, thisProcess } from "../base/process-identity.ts";
import { type Attempt, waitFor } from "../base/wait.ts";
import { holderElsewhere, notEnded } from "./errors.ts";

/** The process that keeps the namespaces of a lab, and all its processes with it. */
export interface NetworkHolder {
  readonly process: ProcessIdentity;
  /** What was made, as text, to see whether the lab declares something else now. */
  readonly made: string;
}

/** @throws LabError `netns.elsewhere` where nobody here can tell whether it lives */
export async function readHolder(lab: string, file: string): Promise<NetworkHolder | undefined> {
  const text = await readIfPresent(file);
  const holder = text === undefined ? undefined : parseHolder(text);
  if (holder === undefined) return undefined;
  const me = await thisProcess();
  if (!shareKernel(me, holder.process)) {
    if (shareComputer(me, holder.process)) return undefined;
    throw holderElsewhere(lab, file);
  }
  if (holder.process.namespace !== me.namespace) throw holderElsewhere(lab, file);
  return (await lives(holder.process)) ? holder : undefined;
}

/** Undefined for what this program did not write: there is no holder then that it could prove to be its own. Pure. */
export function parseHolder(text: string): NetworkHolder | undefined {
  try {
    const { format, process: found, made } = JSON.parse(text) as Record<string, unknown>;
    const { pid, started, namespace, boot, machine, computer } = (found ?? {}) as Record<string, unknown>;
    const texts = { started, namespace, boot, machine, computer };
    if (format !== 1 || typeof made !== "string" || typeof pid !== "number" || !Number.isSafeInteger(pid) || pid < 2) return undefined;
    if (Object.values(texts).some((value) => typeof value !== "string") || started === "") return undefined;
    return { process: { pid, ...texts } as ProcessIdentity, made };
  } catch {
    return undefined;
  }
}

export async function rememberHolder(file: string, holder: NetworkHolder): Promise<void> {
  await writeAtomically(file, `${JSON.stringify({ format: 1, ...holder }, null, 2)}\n`);
}

export async function forgetHolder(file: string): Promise<void> {
  await rm(file, { force: true });
}

/** The identity of a process of now; undefined where it has ended. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const { state, start } = await statusOf(pid);
  return start === undefined || state === "Z" ? undefined : { ...(await thisProcess()), pid, started: start };
}

/** A zombie holds nothing. */
async function lives({ pid, started }: ProcessIdentity): Promise<boolean> {
  const { state, start } = await statusOf(pid);
  return start === started && state !== "Z";
}

async function statusOf(pid: number): Promise<ReturnType<typeof statOf>> {
  return statOf(await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ""));
}

/** From the kill to giving up, in milliseconds. */
const END_MS = 60_000;

/** Kills it, and with it everything that it holds. Resolves when all of that has ended: the kernel ends the first process of a pid namespace last. @throws LabError `netns.not-ended` */
export async function endHolder(lab: string, holder: ProcessIdentity): Promise<void> {
  if (!(await lives(holder))) return;
  try {
    process.kill(holder.pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
  const deadline = performance.now() + END_MS;
  await waitFor(
    async (): Promise<Attempt<undefined>> => {
      if (!(await lives(holder))) return { done: true, value: undefined };
      if (performance.now() >= deadline) throw notEnded(lab, holder.pid);
      return { done: false, missing: `the end of process ${holder.pid}` };
    },
    { what: `process ${holder.pid} to end`, timeoutMs: END_MS + 10_000, intervalMs: 10 },
  );
}
