import { type ChildProcess, spawn } from "node:child_process";

/** From the first signal to the second, in milliseconds. */
const GRACE_MS = 2_000;

/** Process groups of children that still run; when this process ends in an orderly way, they end too. */
const running = new Set<number>();
process.on("exit", () => {
  for (const group of running) killGroup(group, "SIGKILL");
});

export interface ChildOptions {
  readonly environment: NodeJS.ProcessEnv;
  /** @default the folder of this process */
  readonly cwd?: string;
  /** Standard input: at its end from the beginning, or open until the child ends, with nothing in it. @default closed */
  readonly input?: "closed" | "open";
  /** What `stop` begins with. @default SIGTERM */
  readonly stopSignal?: "SIGTERM" | "SIGKILL";
  readonly onStdout: (chunk: Buffer) => void;
  readonly onStderr: (chunk: Buffer) => void;
}

/** A program that runs, and a way to end it with all its children. */
export interface Child {
  /** How it ended: never rejects. `error` where it could not be started at all. */
  readonly ended: Promise<{ readonly exitCode: number | null; readonly error?: NodeJS.ErrnoException }>;
  /** `stopSignal` to its process group and, two seconds later, SIGKILL; resolves when it has ended. A second call changes nothing. */
  stop(): Promise<void>;
}

/** Starts a program without a shell, in a process group of its own: what it starts (ssh, say) ends with it. */
export function startChild(program: string, args: readonly string[], options: ChildOptions): Child {
  const child: ChildProcess = spawn(program, args, {
    detached: true,
    env: options.environment,
    stdio: ["pipe", "pipe", "pipe"],
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  const group = child.pid;
  if (group !== undefined) running.add(group);
  child.stdout?.on("data", options.onStdout);
  child.stderr?.on("data", options.onStderr);
  child.stdin?.on("error", () => {});
  if (options.input !== "open") child.stdin?.end();
  let second: NodeJS.Timeout | undefined;
  const ended = new Promise<{ exitCode: number | null; error?: NodeJS.ErrnoException }>((resolve) => {
    const settle = (end: { exitCode: number | null; error?: NodeJS.ErrnoException }) => {
      clearTimeout(second);
      if (group !== undefined) running.delete(group);
      resolve(end);
    };
    child.once("error", (error) => settle({ exitCode: null, error }));
    child.once("close", (exitCode) => settle({ exitCode }));
  });
  return {
    ended,
    async stop() {
      if (group !== undefined && second === undefined && running.has(group)) {
        killGroup(group, options.stopSignal ?? "SIGTERM");
        second = setTimeout(() => {
          killGroup(group, "SIGKILL");
          // A grandchild that left the group may still hold the pipes: it shall not hold us.
          child.stdout?.destroy();
          child.stderr?.destroy();
        }, GRACE_MS);
      }
      await ended;
    },
  };
}

/** What a program gave that ran to its end. */
export interface Run {
  /** Null when it was ended by us or a signal, or could not be started. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  /** Why it could not be started, for example ENOENT. */
  readonly error?: NodeJS.ErrnoException;
}

/** Runs a program to its end, its time-out or the signal's abort; rejects with the signal's reason alone. */
export async function runChild(
  program: string,
  args: readonly string[],
  options: {
    readonly environment: NodeJS.ProcessEnv;
    readonly cwd?: string;
    readonly timeoutMs: number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Run> {
  options.signal?.throwIfAborted();
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  const child = startChild(program, args, {
    environment: options.environment,
    onStdout: (chunk) => stdout.push(chunk),
    onStderr: (chunk) => stderr.push(chunk),
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    void child.stop();
  }, options.timeoutMs);
  const abort = () => void child.stop();
  options.signal?.addEventListener("abort", abort, { once: true });
  const { exitCode, error } = await child.ended;
  clearTimeout(timer);
  options.signal?.removeEventListener("abort", abort);
  options.signal?.throwIfAborted();
  return {
    exitCode: timedOut ? null : exitCode,
    stdout: Buffer.concat(stdout).toString("utf8"),
    stderr: Buffer.concat(stderr).toString("utf8"),
    timedOut,
    ...(error !== undefined && { error }),
  };
}

function killGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // Already gone.
  }
}
