import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type ProgramEnd, plainEnvironment, startProgram } from "../../base/process.ts";
import type { Writer } from "../history.ts";
import { loadBroke, loadNotStarted } from "./errors.ts";
import { keyPrefix } from "./keys.ts";
import type { ClientProgram } from "./program-client.ts";
import type { LoadSettings, Traffic } from "./settings.ts";
import type { Counts, LoadSummary } from "./summary.ts";
import type { WorkerLine, WorkerTask } from "./task.ts";

export interface LoadOptions {
  /** Words before the program, so that it runs where the lab can be reached (`session.enter`). @default it runs here */
  readonly enter?: readonly string[] | undefined;
  readonly settings: LoadSettings;
  readonly traffic: Traffic;
  /** Undefined where the servers ask for none. */
  readonly password: string | undefined;
  /** The history; `operations.jsonl` is written there. */
  readonly folder: string;
  /** Part of every key: letters and digits, another one for each load. */
  readonly id: string;
  /** Leaves the keys in the lab; `removeLoadKeys` removes them later. @default false */
  readonly keep?: boolean | undefined;
  /** The client under test. @default node-redis, as applications use it */
  readonly program?: ClientProgram | undefined;
  /** What was counted so far, once a second. */
  readonly onSecond?: ((counts: Counts) => void) | undefined;
}

export interface LoadResult {
  readonly summary: LoadSummary;
  /** Undefined where the keys were to stay. */
  readonly keys: RemovedKeys | undefined;
}

export interface RemovedKeys {
  readonly removed: number;
  /** Keys that could not be removed, as their servers did not do it. */
  readonly left: number;
}

export interface RunningLoad {
  /** Monotonic microseconds at which the first operation was due. */
  readonly beganAt: number;
  readonly writers: readonly Writer[];
  /** As counted at the end of the last second. */
  counts(): Counts;
  /** No further operation becomes due; resolves when those under way have their outcome, and the keys are removed. @throws as `ended` */
  stop(): Promise<LoadResult>;
  /** The end by itself, or by `stop`. @throws LabError `drill.load-broke` */
  readonly ended: Promise<LoadResult>;
}

/** From being asked to end to the end by force, in milliseconds: a million keys may have to be removed. */
const GRACE_MS = 120_000;
/** How much is kept of what a worker says about its own failure. */
const LONGEST_COMPLAINT = 4_000;

/** Starts a load in a process of its own. @throws LabError `drill.load-not-started` */
export async function startLoad(options: LoadOptions): Promise<RunningLoad> {
  const { settings, traffic, password, folder, id, keep = false } = options;
  const task: WorkerTask = {
    mode: "run",
    settings,
    traffic,
    password,
    prefix: keyPrefix(id),
    operationsFile: join(folder, "operations.jsonl"),
    keep,
    program: options.program,
  };
  const worker = startWorker(options.enter ?? [], task);
  let counts: Counts = { acknowledged: 0, failed: 0, notSent: 0, unknown: 0 };
  let summary: LoadSummary | undefined;
  let keys: RemovedKeys | undefined;
  let failure: string | undefined;
  const began = new Promise<{ readonly beganAt: number; readonly writers: readonly Writer[] } | undefined>((resolve) => {
    worker.onLine = (line) => {
      switch (line.k) {
        case "began":
          resolve(line);
          break;
        case "second":
          counts = line.counts;
          options.onSecond?.(counts);
          break;
        case "summary":
          summary = line.summary;
          counts = line.summary;
          break;
        case "removed":
          keys = { removed: line.removed, left: line.left };
          break;
        case "failed":
          failure = line.what;
          break;
        case "ending":
        case "removing":
          break;
        default:
          line satisfies never;
      }
    };
    void worker.ended.then(() => resolve(undefined));
  });
  const ended = worker.ended.then((end): LoadResult => {
    if (summary === undefined) throw loadBroke(failure ?? howItEnded(end, worker.complaint()), folder);
    return { summary, keys: keep ? undefined : (keys ?? { removed: 0, left: summary.acknowledged }) };
  });
  // A caller that waits for it gets the error; none has to.
  ended.catch(() => {});
  const first = await began;
  if (first === undefined) throw loadNotStarted(failure ?? howItEnded(await worker.ended, worker.complaint()));
  return {
    beganAt: first.beganAt,
    writers: first.writers,
    counts: () => counts,
    async stop() {
      await worker.stop();
      return ended;
    },
    ended,
  };
}

/** Removes the keys of a load that kept them, or that was killed, by its history. @throws LabError `drill.load-not-started` */
export async function removeLoadKeys(
  options: Pick<LoadOptions, "enter" | "settings" | "traffic" | "password" | "folder" | "id">,
): Promise<RemovedKeys> {
  const { settings, traffic, password, folder, id } = options;
  const operationsFile = join(folder, "operations.jsonl");
  const worker = startWorker(options.enter ?? [], {
    mode: "remove",
    settings,
    traffic,
    password,
    prefix: keyPrefix(id),
    operationsFile,
    keep: false,
  });
  let keys: RemovedKeys | undefined;
  let failure: string | undefined;
  worker.onLine = (line) => {
    if (line.k === "removed") keys = { removed: line.removed, left: line.left };
    if (line.k === "failed") failure = line.what;
  };
  const end = await worker.ended;
  if (keys === undefined) throw loadNotStarted(failure ?? howItEnded(end, worker.complaint()));
  return keys;
}

function howItEnded({ exitCode, signal, failure }: ProgramEnd, complaint: string): string {
  if (failure !== undefined) return failure.text;
  const how = signal === undefined ? `it exited with ${exitCode}` : `it was ended by ${signal}`;
  return complaint === "" ? how : `${how}: ${complaint}`;
}

function startWorker(enter: readonly string[], task: WorkerTask) {
  const [program = process.execPath, ...args] = [...enter, process.execPath, ...workerProgram()];
  const decoder = new TextDecoder();
  let rest = "";
  let complaint = "";
  const listener: { onLine: ((line: WorkerLine) => void) | undefined } = { onLine: undefined };
  const running = startProgram(program, args, {
    environment: plainEnvironment(),
    input: JSON.stringify(task),
    stopBy: "descriptor-3",
    graceMs: GRACE_MS,
    onStdout(chunk) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) listener.onLine?.(JSON.parse(line) as WorkerLine);
    },
    onStderr(chunk) {
      complaint = (complaint + chunk.toString()).slice(-LONGEST_COMPLAINT);
    },
  });
  return Object.assign(listener, { ended: running.ended, stop: () => running.stop(), complaint: () => complaint.trim() });
}

/** Arguments of node: the compiled program, or its source, which jiti reads. */
function workerProgram(): readonly string[] {
  const own = fileURLToPath(import.meta.url);
  if (!own.endsWith(".ts")) return [join(dirname(own), "worker-main.js")];
  const jiti = dirname(createRequire(import.meta.url).resolve("jiti/package.json"));
  return ["--import", pathToFileURL(join(jiti, "lib", "jiti-register.mjs")).href, join(dirname(own), "worker-main.ts")];
}
