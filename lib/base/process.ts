import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { messageOf } from "./error.ts";
import { findProgram } from "./find-program.ts";

// The one runner of programs. execa was tried for it: it ends the child alone and not what the child started, leaves detached children alone when this process ends, and
// takes an eighth of a second to load. What would remain of it, collecting the output, is less than the wrapper around it.

/** From the first signal to SIGKILL, in milliseconds. */
const GRACE_MS = 2_000;
/** How much of an output is kept, in bytes. */
const LONGEST_OUTPUT = 64 << 20;

export interface ProgramOptions {
  /** All that it gets; its PATH is the one that is searched. */
  readonly environment: NodeJS.ProcessEnv;
  /** @default the folder of this process */
  readonly cwd?: string | undefined;
  /** Standard input, with its end behind it; `open`: it does not end, and what comes is written to `input` of the program. @default "" */
  readonly input?: string | Buffer | { readonly open: true } | undefined;
  /** Longest run, in milliseconds; then it is stopped. @default no limit */
  readonly timeoutMs?: number | undefined;
  /** Its abort stops the program. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How it is asked to end, by `stop` and when this process ends: by a signal to its process group, or by closing its file descriptor 3, which stays open for as long as this process runs,
   * however that ends.
   *
   * @default SIGTERM
   */
  readonly stopBy?: "SIGTERM" | "SIGKILL" | "descriptor-3" | undefined;
  /** From being asked to end to SIGKILL, in milliseconds. @default 2000 */
  readonly graceMs?: number | undefined;
  /** Whom it runs as; for root alone. It enters `cwd` before, so that may be one which this user can't reach. @default the user of this process */
  readonly user?: UserIds | undefined;
  /** Open descriptors of this process that it gets as 4, 5, … @default none */
  readonly descriptors?: readonly number[] | undefined;
  /** No more is read while the promise that it gives is open. */
  readonly onStdout?: Listener | undefined;
  readonly onStderr?: Listener | undefined;
}

type Listener = (chunk: Buffer) => Promise<void> | undefined | void;

/** A user by numbers; it need not be in /etc/passwd. */
export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

/** How a program ended. */
export interface ProgramEnd {
  /** Null where a signal or its time-out ended it, and where it could not be started. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | undefined;
  readonly timedOut: boolean;
  /** Why it could not be started. */
  readonly failure: StartFailure | undefined;
}

/** A program that runs, and a way to end it with all its children. */
export interface RunningProgram {
  /** Never rejects. Both outputs are at their end by then. */
  readonly ended: Promise<ProgramEnd>;
  /** Its standard input where that stays open. What is written after its end is lost. */
  readonly input?: Writable | undefined;
  /** Asks it to end and, when the time for that is over, ends its process group by force; resolves when it has ended. A second call changes nothing. */
  stop(): Promise<void>;
}

/** Why a program could not be started. */
export interface StartFailure {
  /** `absent`: no folder of the PATH has it; `not-executable`: it is there, and may not be executed; `other`: too many processes, no such working folder, … */
  readonly reason: "absent" | "not-executable" | "other";
  /** A sentence without its end, for example `there is no program virsh on the PATH`. */
  readonly text: string;
  readonly cause: unknown;
}

/** Those of the variables that are set: what a program gets of our environment when it is not to get all of it. */
export function keptOf(environment: NodeJS.ProcessEnv, names: readonly string[]): NodeJS.ProcessEnv {
  return Object.fromEntries(names.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])));
}

/**
 * What a program gets of our environment that is not to know it: as little as a fresh SSH login would give, so that targets behave alike and no password that came by environment lives on in
 * `/proc/PID/environ` of a Redis that was started, or reaches what apt, tar and their scripts start.
 */
export function plainEnvironment(environment: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return keptOf(environment, PLAIN);
}

const PLAIN = [
  "HOME",
  "PATH",
  "USER",
  "LOGNAME",
  "TMPDIR",
  "TZ",
  "CC",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
];

/** Programs that still run, each by what asks it to end; when this process ends in an orderly way, they end too. */
const running = new Set<() => void>();

function endAll(): void {
  for (const ask of running) ask();
}

/** Starts a program without a shell, in a process group of its own, so that what it starts itself (the children of make, an ssh) ends with it. */
export function startProgram(program: string, args: readonly string[], options: ProgramOptions): RunningProgram {
  const { environment, cwd, input = "", timeoutMs, signal, stopBy = "SIGTERM", graceMs = GRACE_MS, user, descriptors = [] } = options;
  const stdio: ("pipe" | "ignore" | number)[] = ["pipe", "pipe", "pipe", stopBy === "descriptor-3" ? "pipe" : "ignore", ...descriptors];
  const spawned = trySpawn(program, args, { detached: true, env: environment, cwd, stdio, ...user });
  if ("error" in spawned) return neverRan(startFailure(spawned.error, program, options));
  const { child } = spawned;
  const group = child.pid;
  // Without a descriptor left for its pipes (EMFILE) a child has no streams at all, whatever its type says (child_process.js of Node 20): the error comes as its event.
  const descriptor3 = child.stdio?.[3] as Writable | null | undefined;
  const ask = () => (stopBy === "descriptor-3" ? descriptor3?.destroy() : killGroup(group, stopBy));
  const held = new Set<Readable>();
  let force: NodeJS.Timeout | undefined;
  let timedOut = false;
  const stop = () => {
    if (force !== undefined || !running.has(ask)) return;
    ask();
    // What was not taken in time is not waited for.
    for (const stream of held) stream.destroy();
    force = setTimeout(() => {
      killGroup(group, "SIGKILL");
      // A process that left the group may still hold the pipes: it shall not hold us.
      for (const stream of child.stdio) stream?.destroy();
    }, graceMs);
  };
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          stop();
        }, timeoutMs);

  const ended = new Promise<ProgramEnd>((resolve) => {
    const settle = (end: Omit<ProgramEnd, "timedOut">) => {
      clearTimeout(timer);
      // Asked to end, it may leave children that hold none of its outputs and ignore what it was asked.
      if (force !== undefined) killGroup(group, "SIGKILL");
      clearTimeout(force);
      signal?.removeEventListener("abort", stop);
      if (running.delete(ask) && running.size === 0) process.off("exit", endAll);
      resolve({ ...end, exitCode: timedOut ? null : end.exitCode, timedOut });
    };
    child.once("error", (error) => {
      // Also emitted for a signal that could not be sent.
      if (group === undefined) settle({ exitCode: null, signal: undefined, failure: startFailure(error, program, options) });
    });
    // `close` waits for descriptor 3 too, and that end of it is ours.
    child.once("exit", () => descriptor3?.destroy());
    child.once("close", (exitCode, by) => settle({ exitCode, signal: by ?? undefined, failure: undefined }));
  });
  if (group !== undefined) {
    if (running.size === 0) process.on("exit", endAll);
    running.add(ask);
  }
  const listen = (stream: Readable | null, listener: Listener | undefined) =>
    stream?.on("data", (chunk: Buffer) => {
      const room = listener?.(chunk);
      if (room === undefined) return;
      stream.pause();
      held.add(stream);
      void room.then(() => {
        held.delete(stream);
        stream.resume();
      });
    });
  listen(child.stdout, options.onStdout);
  listen(child.stderr, options.onStderr);
  // A program may end without reading all of its input; that is not a fault (EPIPE).
  child.stdin?.on("error", () => {});
  descriptor3?.on("error", () => {});
  if (typeof input === "string" || Buffer.isBuffer(input)) child.stdin?.end(input);
  if (signal?.aborted === true) stop();
  else signal?.addEventListener("abort", stop, { once: true });
  return {
    ended,
    input: typeof input === "string" || Buffer.isBuffer(input) ? undefined : (child.stdin ?? undefined),
    async stop() {
      stop();
      await ended;
    },
  };
}

/** What a program gave that ran to its end. */
export interface ProgramResult extends ProgramEnd {
  /** UTF-8. */
  readonly stdout: string;
  readonly stderr: string;
  /** It wrote more than `longestOutput`, and was stopped. */
  readonly tooLong: boolean;
}

/** Runs a program to its end, its time-out or the signal's abort; rejects with the signal's reason alone. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: Omit<ProgramOptions, "onStdout" | "onStderr"> & {
    /** Of each of the two outputs, in bytes; a program that writes more is stopped. @default 64 MiB */
    readonly longestOutput?: number;
  },
): Promise<ProgramResult> {
  options.signal?.throwIfAborted();
  const { longestOutput = LONGEST_OUTPUT } = options;
  const outputs = { stdout: new Collected(longestOutput), stderr: new Collected(longestOutput) };
  const collect = (into: Collected) => (chunk: Buffer) => {
    into.push(chunk);
    if (into.tooLong) void child.stop();
  };
  const child = startProgram(program, args, { ...options, onStdout: collect(outputs.stdout), onStderr: collect(outputs.stderr) });
  const end = await child.ended;
  options.signal?.throwIfAborted();
  return {
    ...end,
    stdout: outputs.stdout.text(),
    stderr: outputs.stderr.text(),
    tooLong: outputs.stdout.tooLong || outputs.stderr.tooLong,
  };
}

/**
 * Runs a program that has the terminal of this process, and its process group: keys such as Ctrl-C go to it, and so do SIGTERM and SIGHUP to this process.
 *
 * @returns its exit code, null where a signal ended it; or why it could not be started
 */
export async function runInTerminal(
  program: string,
  args: readonly string[],
  options: Pick<ProgramOptions, "environment" | "cwd">,
): Promise<number | null | StartFailure> {
  const spawned = trySpawn(program, args, { stdio: "inherit", env: options.environment, cwd: options.cwd });
  if ("error" in spawned) return startFailure(spawned.error, program, options);
  const { child } = spawned;
  // The program decides what a Ctrl-C means to it, which reaches both: we stay until it ends.
  const listeners = process.listeners("SIGINT");
  const stay = () => {};
  process.on("SIGINT", stay);
  for (const listener of listeners) process.off("SIGINT", listener);
  // These are said to this process alone.
  const passOn = (signal: NodeJS.Signals) => void child.kill(signal);
  for (const signal of PASSED_ON) process.on(signal, passOn);
  try {
    return await new Promise((resolve) => {
      child.once("error", (error) => resolve(startFailure(error, program, options)));
      child.once("exit", (exitCode) => resolve(exitCode));
    });
  } finally {
    for (const listener of listeners) process.on("SIGINT", listener);
    process.off("SIGINT", stay);
    for (const signal of PASSED_ON) process.off(signal, passOn);
  }
}

const PASSED_ON = ["SIGTERM", "SIGHUP"] as const;

/** Some reasons (E2BIG, ENOTDIR) are thrown, others come as an event of the child. */
function trySpawn(
  program: string,
  args: readonly string[],
  options: SpawnOptions,
): { readonly child: ChildProcess } | { readonly error: unknown } {
  try {
    return { child: spawn(program, [...args], options) };
  } catch (error) {
    return { error };
  }
}

function neverRan(failure: StartFailure): RunningProgram {
  const ended = Promise.resolve({ exitCode: null, signal: undefined, timedOut: false, failure });
  return { ended, stop: async () => {} };
}

/**
 * The errno of execvp(3) alone does not tell: ENOENT is also a working folder or an interpreter that does not exist, and EACCES is also a folder of the PATH that cannot be read while
 * no other folder has the program.
 */
function startFailure(cause: unknown, program: string, { environment, cwd }: Pick<ProgramOptions, "environment" | "cwd">): StartFailure {
  const { code } = cause as NodeJS.ErrnoException;
  if (cwd !== undefined && !existsSync(cwd)) return { reason: "other", text: `there is no folder ${cwd} to start ${program} in`, cause };
  if (code !== "ENOENT" && code !== "EACCES") return { reason: "other", text: messageOf(cause), cause };
  const found = findProgram(program, environment, cwd);
  switch (found.kind) {
    case "absent":
      return { reason: "absent", text: `there is no program ${program}${program.includes("/") ? "" : " on the PATH"}`, cause };
    case "hidden": {
      const text = `no folder of the PATH that can be searched has ${program}, and ${found.folder} can't be: permission denied`;
      return { reason: "not-executable", text, cause };
    }
    case "not-executable":
      return { reason: "not-executable", text: `${found.path} cannot be executed: permission denied`, cause };
    case "found": {
      const why = code === "ENOENT" ? "the interpreter that its first line names does not exist" : "permission denied";
      return { reason: "not-executable", text: `${found.path} cannot be executed: ${why}`, cause };
    }
    default:
      return found satisfies never;
  }
}

function killGroup(group: number | undefined, signal: NodeJS.Signals): void {
  if (group === undefined) return;
  try {
    process.kill(-group, signal);
  } catch {
    // It has just ended.
  }
}

/** One output of a program, up to a length. */
class Collected {
  readonly #chunks: Buffer[] = [];
  readonly #longest: number;
  #length = 0;

  constructor(longest: number) {
    this.#longest = longest;
  }

  get tooLong(): boolean {
    return this.#length > this.#longest;
  }

  push(chunk: Buffer): void {
    if (!this.tooLong) this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  text(): string {
    return Buffer.concat(this.#chunks).subarray(0, this.#longest).toString("utf8");
  }
}
