import { createReadStream } from "node:fs";
import { damagedHistory } from "../errors.ts";

/** Bytes of the longest line: an error text of a server is cut long before. */
const LONGEST = 65_536;

/** A line and its number, from 1 on. */
export interface HistoryText {
  readonly text: string;
  readonly line: number;
  /** It ends with the file and has no end of its own: its writer was killed in the middle of it. */
  readonly torn: boolean;
}

/**
 * The lines of a file of any size, a chunk of it in memory at a time.
 *
 * @throws LabError `drill.damaged-history` for a line that has no end within reason; the system's own where there is no such file
 */
export async function* linesOf(file: string): AsyncGenerator<readonly HistoryText[]> {
  let rest: Buffer = Buffer.alloc(0);
  let line = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const batch: HistoryText[] = [];
    let begin = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, begin)) {
      line += 1;
      if (end - begin > LONGEST) throw damagedHistory(file, line, `it is longer than ${LONGEST} bytes`);
      batch.push({ text: bytes.toString("utf8", begin, end), line, torn: false });
      begin = end + 1;
    }
    rest = bytes.subarray(begin);
    if (rest.length > LONGEST) throw damagedHistory(file, line + 1, `it is longer than ${LONGEST} bytes`);
    yield batch;
  }
  if (rest.length > 0) yield [{ text: rest.toString("utf8"), line: line + 1, torn: true }];
}
