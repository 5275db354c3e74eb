import { StringDecoder } from "node:string_decoder";

/** The longest output that is kept, in bytes: more than any file or list that is read whole. */
export const LONGEST_OUTPUT = 64 << 20;
/** What is kept of an output that is handed out line by line, in bytes: its end, which says why a command failed. */
const END_BYTES = 65_536;
/** A longer line is handed out in parts of this length, in characters. */
const LONGEST_LINE = 1 << 20;

/** What stays of an output: all of it, or the end alone. */
export type Kept = "all" | "end";

/**
 * Collects one output stream of a command and hands out its lines as they come. A character that is split between two chunks stays whole. What a host sends without an end fills no memory: it is
 * kept up to `LONGEST_OUTPUT`, or only at its end, and a line that does not end is handed out in parts.
 */
export class OutputStream {
  private chunks: Buffer[] = [];
  private length = 0;
  private readonly decoder = new StringDecoder("utf8");
  private readonly onLine: ((line: string) => void) | undefined;
  private readonly kept: Kept;
  private rest = "";

  constructor(onLine?: (line: string) => void, kept: Kept = "all") {
    this.onLine = onLine;
    this.kept = kept;
  }

  /** More came than is kept; the command is to be ended. */
  get tooLong(): boolean {
    return this.kept === "all" && this.length > LONGEST_OUTPUT;
  }

  push(chunk: Buffer): void {
    if (this.tooLong) return;
    this.chunks.push(chunk);
    this.length += chunk.length;
    // Twice of what stays, so that few bytes are copied often.
    if (this.kept === "end" && this.length > 2 * END_BYTES) {
      const end = Buffer.from(this.bytes());
      this.chunks = [end];
      this.length = end.length;
    }
    if (this.onLine === undefined) return;
    const lines = (this.rest + this.decoder.write(chunk)).split("\n");
    this.rest = lines.pop() ?? "";
    for (const line of lines) this.onLine(line.replace(/\r$/, ""));
    if (this.rest.length <= LONGEST_LINE) return;
    this.onLine(this.rest);
    this.rest = "";
  }

  /** Hands out a last line without a line break. Call it once, at the end. */
  end(): void {
    this.rest += this.decoder.end();
    if (this.rest !== "") this.onLine?.(this.rest);
    this.rest = "";
  }

  bytes(): Buffer {
    const all = Buffer.concat(this.chunks);
    return this.kept === "end" ? all.subarray(-END_BYTES) : all;
  }

  text(): string {
    return this.bytes().toString("utf8");
  }
}
