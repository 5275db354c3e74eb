/**
 * What is sent to a master that is to send its data set (redis-cli --rdb does the same). `capa eof`: it need not write a file of its own first. `rdb-only`, known from 7.0 on: nothing
 * comes behind the data set. SYNC itself only once both were answered: it is refused to a connection with replies on their way.
 */
export const OPTIONS = "REPLCONF capa eof\r\nREPLCONF rdb-only 1\r\n";
export const SYNC = "SYNC\r\n";
/** Replies that come before the one to SYNC; a version that does not know an option says so there. */
const REPLIES_BEFORE = 2;
/** Length of the mark behind a data set whose length is not known beforehand (CONFIG_RUN_ID_SIZE). */
const MARK_LENGTH = 40;
/** Longest line that a server sends before the data set. */
const LONGEST_LINE = 1024;

/** What comes of some bytes of a replication stream. */
export type Arrival =
  /** The options were answered. */
  | { readonly kind: "ready" }
  /** A part of the data set. */
  | { readonly kind: "data"; readonly bytes: Buffer }
  /** All of it has arrived. */
  | { readonly kind: "end" }
  /** There will be none. */
  | { readonly kind: "refused"; readonly reply: string };

/** Reads what a master sends: replies, newlines that keep the connection alive, and the data set in one of two forms, `$LENGTH` or `$EOF:MARK` (replication.c). Pure. */
export class SnapshotReader {
  #state: "lines" | "counted" | "marked" | "ended" = "lines";
  #replies = 0;
  #line = Buffer.alloc(0);
  #left = 0;
  #mark = Buffer.alloc(0);
  /** The last bytes of a marked data set: they may be the beginning of the mark. */
  #kept = Buffer.alloc(0);

  push(chunk: Buffer): readonly Arrival[] {
    const arrivals: Arrival[] = [];
    let rest = chunk;
    while (this.#state === "lines" && rest.length > 0) rest = this.#readLine(rest, arrivals);
    if (this.#state === "counted") this.#readCounted(rest, arrivals);
    else if (this.#state === "marked" && rest.length > 0) this.#readMarked(rest, arrivals);
    return arrivals;
  }

  /** @returns what is behind the line */
  #readLine(bytes: Buffer, arrivals: Arrival[]): Buffer {
    const end = bytes.indexOf(0x0a);
    this.#line = Buffer.concat([this.#line, end < 0 ? bytes : bytes.subarray(0, end)]);
    if (end < 0) {
      if (this.#line.length > LONGEST_LINE) this.#refuse("it sends something that is not a replication stream", arrivals);
      return Buffer.alloc(0);
    }
    const line = this.#line.toString("latin1").replace(/\r$/, "");
    this.#line = Buffer.alloc(0);
    if (line !== "") this.#understand(line, arrivals);
    return bytes.subarray(end + 1);
  }

  #understand(line: string, arrivals: Arrival[]): void {
    if (this.#replies < REPLIES_BEFORE && /^[+-]/.test(line)) {
      this.#replies += 1;
      if (this.#replies === REPLIES_BEFORE) arrivals.push({ kind: "ready" });
      return;
    }
    const { mark, length } = /^\$(?:EOF:(?<mark>.+)|(?<length>\d+))$/.exec(line)?.groups ?? {};
    if (mark !== undefined && mark.length === MARK_LENGTH) {
      this.#state = "marked";
      this.#mark = Buffer.from(mark, "latin1");
    } else if (length !== undefined) {
      this.#state = "counted";
      this.#left = Number(length);
    } else this.#refuse(line.replace(/^-/, ""), arrivals);
  }

  #readCounted(bytes: Buffer, arrivals: Arrival[]): void {
    const data = bytes.subarray(0, this.#left);
    this.#left -= data.length;
    if (data.length > 0) arrivals.push({ kind: "data", bytes: data });
    if (this.#left === 0) this.#end(arrivals);
  }

  #readMarked(bytes: Buffer, arrivals: Arrival[]): void {
    const all = Buffer.concat([this.#kept, bytes]);
    const mark = all.indexOf(this.#mark);
    const data = all.subarray(0, mark < 0 ? Math.max(0, all.length - MARK_LENGTH + 1) : mark);
    this.#kept = all.subarray(data.length);
    if (data.length > 0) arrivals.push({ kind: "data", bytes: data });
    if (mark >= 0) this.#end(arrivals);
  }

  #refuse(reply: string, arrivals: Arrival[]): void {
    this.#state = "ended";
    arrivals.push({ kind: "refused", reply });
  }

  #end(arrivals: Arrival[]): void {
    this.#state = "ended";
    arrivals.push({ kind: "end" });
  }
}
