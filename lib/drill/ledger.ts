import { closeSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { makeFolder } from "../base/atomic.ts";
import { fileNotWritten } from "../base/errors.ts";
import type { OperationKind, OperationLine } from "./history.ts";

/** An operation as its first line tells it. */
export interface Invoked {
  readonly o: number;
  readonly t: number;
  readonly w: number;
  readonly op: OperationKind;
  readonly key: string;
  readonly v: number | undefined;
  /** By how many microseconds it was sent after it was due. */
  readonly late: number;
}

/** How an operation ended. `v` and `node` as in history.ts. */
export type Ended =
  | { readonly k: "ok"; readonly o: number; readonly t: number; readonly v?: number | null | undefined; readonly node?: string | undefined }
  | { readonly k: "fail" | "unknown"; readonly o: number; readonly t: number; readonly error: string };

/** A run of operations that were never sent, as in history.ts. */
export type Unsent = Omit<Extract<OperationLine, { readonly k: "unsent" }>, "k">;

/** Writes bytes at the end of an open file, and tells how many it took. */
export type WriteBytes = (descriptor: number, bytes: Uint8Array, offset: number) => number;

/** Characters of lines that are written without being asked for: a load that was held up has much to tell at once. */
const MOST_COLLECTED = 1 << 20;
/** Characters of the longest error that is kept. */
const LONGEST_ERROR = 200;

/**
 * `operations.jsonl` while it is written. Lines are collected and given to the kernel with one write(2) by `flush`, so that ten thousand operations a second cost some hundred calls; what the kernel has outlives
 * kill -9 of every process. The caller flushes before it sends what was invoked, and before it counts what ended.
 */
export class Ledger {
  readonly file: string;
  readonly #descriptor: number;
  readonly #write: WriteBytes;
  #lines = "";
  #bytes = 0;
  #time = -1;
  #timeText = "";

  private constructor(file: string, descriptor: number, write: WriteBytes) {
    this.file = file;
    this.#descriptor = descriptor;
    this.#write = write;
  }

  /** Makes the file (0600) in its folder (0700). @throws LabError `file.not-written`, also where there is one already */
  static async create(
    file: string,
    write: WriteBytes = (descriptor, bytes, offset) => writeSync(descriptor, bytes, offset),
  ): Promise<Ledger> {
    await makeFolder(dirname(file));
    try {
      return new Ledger(file, openSync(file, "ax", 0o600), write);
    } catch (error) {
      throw fileNotWritten(file, error, "No operation was sent.");
    }
  }

  /** What was written so far. */
  get bytes(): number {
    return this.#bytes;
  }

  invoke({ o, t, w, op, key, v, late }: Invoked): void {
    const value = v === undefined ? "" : `,"v":${v}`;
    const behind = late > 0 ? `,"late":${late}` : "";
    if (this.#lines.length > MOST_COLLECTED) this.flush();
    this.#lines += `{"k":"invoke","o":${o},"t":${this.#textOf(t)},"w":${w},"op":"${op}","key":"${key}"${value}${behind}}\n`;
  }

  end(ended: Ended): void {
    const { k, o, t } = ended;
    if (k === "ok") {
      const value = ended.v === undefined ? "" : `,"v":${ended.v}`;
      const node = ended.node === undefined ? "" : `,"node":${JSON.stringify(ended.node)}`;
      this.#lines += `{"k":"ok","o":${o},"t":${this.#textOf(t)}${value}${node}}\n`;
    } else this.#lines += `{"k":"${k}","o":${o},"t":${t},"error":${JSON.stringify(ended.error.slice(0, LONGEST_ERROR))}}\n`;
  }

  unsent({ o, n, t, w, op, from, to, error }: Unsent): void {
    this.#lines += `{"k":"unsent","o":${o},"n":${n},"t":${t},"w":${w},"op":"${op}","from":${from},"to":${to},"error":${JSON.stringify(error)}}\n`;
  }

  /** @throws LabError `file.not-written`: the disk is full, for example. Its last line may be a part then, which readers leave out. */
  flush(): void {
    if (this.#lines === "") return;
    const bytes = Buffer.from(this.#lines);
    this.#lines = "";
    for (let at = 0; at < bytes.length; ) {
      let taken: number;
      try {
        taken = this.#write(this.#descriptor, bytes, at);
      } catch (error) {
        throw fileNotWritten(
          this.file,
          error,
          "The load ends: an operation that is not written down is not sent, and its outcome does not count.",
        );
      }
      at += taken;
      this.#bytes += taken;
    }
  }

  /** Many lines have the same time, and its digits are the dearest part of a line. */
  #textOf(t: number): string {
    if (t !== this.#time) {
      this.#time = t;
      this.#timeText = String(t);
    }
    return this.#timeText;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
