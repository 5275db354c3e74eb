import { StringDecoder } from "node:string_decoder";

/** Collects one output stream of a command and hands out its lines as they come. A character that is split between two chunks stays whole. */
export class OutputStream {
  private readonly chunks: Buffer[] = [];
  private readonly decoder = new StringDecoder("utf8");
  private readonly onLine: ((line: string) => void) | undefined;
  private rest = "";

  constructor(onLine?: (line: string) => void) {
    this.onLine = onLine;
  }

  push(chunk: Buffer): void {
    this.chunks.push(chunk);
    if (this.onLine === undefined) return;
    const lines = (this.rest + this.decoder.write(chunk)).split("\n");
    this.rest = lines.pop() ?? "";
    for (const line of lines) this.onLine(line.replace(/\r$/, ""));
  }

  /** Hands out a last line without a line break. Call it once, at the end. */
  end(): void {
    this.rest += this.decoder.end();
    if (this.rest !== "") this.onLine?.(this.rest);
    this.rest = "";
  }

  bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  text(): string {
    return this.bytes().toString("utf8");
  }
}
