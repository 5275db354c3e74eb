import { startProgram } from "../../base/process.ts";
import { failureOfText } from "../../redis/outcome.ts";
import type { Answer, LoadClient, Task } from "./client.ts";
import { valueNumber, valueText } from "./keys.ts";
import type { LoadSettings } from "./settings.ts";
import type { Work } from "./writers.ts";

/** A client under test: a command, and its environment, in which it finds the lab. */
export interface ClientProgram {
  /** For `sh -c`. */
  readonly command: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Bytes of the longest answer, and of what is kept of its complaints. */
const LONGEST_LINE = 65_536;
const LONGEST_COMPLAINT = 2_000;
/** What it says once it is connected: nothing is due before. */
const READY = /^\s*\{\s*"k"\s*:\s*"ready"\s*\}\s*$/;
/** How long it may take until then, in milliseconds. */
const READY_MS = 60_000;
/** How long it may take to end after the end of its input, in milliseconds. */
const END_MS = 2_000;

/**
 * Hands operations to a program, one JSON line each on its standard input, and takes one line for each from its standard output (docs/clients.md). The program decides how many it works on at once; what it does not
 * answer in time is unknown.
 */
export function programLoadClient({ command, environment }: ClientProgram, settings: Pick<LoadSettings, "size" | "ttl">): LoadClient {
  const waiting = new Map<number, (answer: Answer) => void>();
  const kinds = new Map<number, Work["kind"]>();
  let broken: string | undefined;
  let closing = false;
  let begin = () => {};
  let rest = "";
  let complaint = "";
  const decoder = new TextDecoder();
  const breakWith = (why: string) => {
    broken ??= complaint.trim() === "" ? why : `${why}; it said: ${complaint.trim()}`;
  };
  const program = startProgram("sh", ["-c", command], {
    environment: { ...environment },
    input: { open: true },
    graceMs: END_MS,
    onStdout(chunk) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > LONGEST_LINE) breakWith(`the client under test printed a line of more than ${LONGEST_LINE} characters`);
      for (const line of lines) if (broken === undefined && line.trim() !== "") take(line);
    },
    onStderr(chunk) {
      complaint = (complaint + chunk.toString()).slice(-LONGEST_COMPLAINT);
    },
  });
  const take = (line: string) => {
    if (READY.test(line)) return begin();
    const read = readAnswer(line, (o) => kinds.get(o));
    if (typeof read === "string") return breakWith(`the client under test printed ${JSON.stringify(line.slice(0, 200))}: ${read}`);
    waiting.get(read.o)?.(read.answer);
    waiting.delete(read.o);
    kinds.delete(read.o);
  };
  const ended = program.ended.then(({ exitCode, signal, failure }) => {
    if (closing) return;
    breakWith(
      failure?.text ?? `the client under test ended by itself, ${signal === undefined ? `with exit code ${exitCode}` : `by ${signal}`}`,
    );
  });
  const ready = new Promise<void>((resolve) => {
    const late = setTimeout(() => {
      breakWith(`the client under test did not say {"k":"ready"} within ${READY_MS / 1000} s`);
      resolve();
    }, READY_MS);
    begin = () => {
      clearTimeout(late);
      resolve();
    };
    void ended.then(begin);
  });
  return {
    ready,
    send(task) {
      return new Promise((resolve) => {
        waiting.set(task.o, resolve);
        kinds.set(task.o, task.work.kind);
        program.input?.write(`${JSON.stringify(requestOf(task, settings))}\n`);
      });
    },
    nodeOf: () => undefined,
    lookAgain: () => {},
    get broken() {
      return broken;
    },
    async close() {
      closing = true;
      program.input?.end();
      const late = setTimeout(() => void program.stop(), END_MS);
      await ended;
      clearTimeout(late);
    },
  };
}

/** An operation as the program reads it. */
export function requestOf(
  { o, work: { kind, key, v } }: Pick<Task, "o" | "work">,
  { size, ttl }: Pick<LoadSettings, "size" | "ttl">,
): object {
  switch (kind) {
    case "write":
    case "register":
      return { o, op: "set", key, value: valueText(v ?? 0, size), ...(ttl !== undefined && { ttl }) };
    case "count":
      return { o, op: "incr", key };
    case "read":
    case "look":
      return { o, op: "get", key };
    default:
      return kind satisfies never;
  }
}

/** @param kindOf of an operation that waits for its answer; undefined for one that was given up, or never was. @returns what the program answered, or what is wrong with it */
export function readAnswer(
  line: string,
  kindOf: (o: number) => Work["kind"] | undefined,
): { readonly o: number; readonly answer: Answer } | string {
  let read: unknown;
  try {
    read = JSON.parse(line);
  } catch {
    return "this is not JSON";
  }
  if (typeof read !== "object" || read === null) return "this is not an object";
  const { o, k, v, error } = read as Record<string, unknown>;
  if (!Number.isSafeInteger(o)) return "`o` is not the number of an operation";
  const number = o as number;
  const kind = kindOf(number);
  if (k === "fail" || k === "unknown") {
    if (typeof error !== "string") return "`error` is not a text";
    return { o: number, answer: { k, failure: { ...failureOfText(error), certain: k === "fail", text: error } } };
  }
  if (k !== "ok") return "`k` is none of ok, fail and unknown";
  if (kind === "write" || kind === "register" || kind === undefined) return { o: number, answer: { k } };
  if (v !== null && typeof v !== "string" && typeof v !== "number") return "`v` is not the value that was read, or null";
  return { o: number, answer: { k, v: valueNumber(v) } };
}
