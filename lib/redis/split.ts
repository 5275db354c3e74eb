// sdssplitargs of sds.c (4.0.14), byte by byte: Redis' rule for the lines of redis.conf and for what is typed into redis-cli.

const SPACE = new Set([..." \t\n\v\f\r"].map((char) => char.charCodeAt(0)));
const ENDS_WORD = new Set([..." \n\r\t\0"].map((char) => char.charCodeAt(0)));
const [QUOTE, SINGLE, BACKSLASH, X] = [0x22, 0x27, 0x5c, 0x78];
const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, b: 8, a: 7 };

/** Splits a line into arguments as bytes; undefined when quotes are not balanced or text follows a closing quote at once. */
export function splitArguments(line: string): Buffer[] | undefined {
  const bytes = Buffer.from(line);
  const found: Buffer[] = [];
  for (let at = 0; ; ) {
    while (SPACE.has(bytes[at] ?? 0)) at += 1;
    if (at >= bytes.length || bytes[at] === 0) return found;
    const word = readWord(bytes, at);
    if (word === undefined) return undefined;
    found.push(word.value);
    at = word.next;
  }
}

/** The same as text. */
export function splitWords(line: string): string[] | undefined {
  return splitArguments(line)?.map((word) => word.toString());
}

function readWord(bytes: Buffer, start: number): { readonly value: Buffer; readonly next: number } | undefined {
  const value: number[] = [];
  let quote: number | undefined;
  for (let at = start; ; at += 1) {
    const byte = bytes[at] ?? 0;
    if (quote === undefined) {
      if (ENDS_WORD.has(byte)) return { value: Buffer.from(value), next: at };
      if (byte === QUOTE || byte === SINGLE) quote = byte;
      else value.push(byte);
    } else if (byte === 0) {
      return undefined;
    } else if (byte === quote) {
      const after = bytes[at + 1] ?? 0;
      return after === 0 || SPACE.has(after) ? { value: Buffer.from(value), next: at + 1 } : undefined;
    } else if (byte === BACKSLASH && quote === SINGLE && bytes[at + 1] === SINGLE) {
      value.push(SINGLE);
      at += 1;
    } else if (byte === BACKSLASH && quote === QUOTE && at + 1 < bytes.length) {
      const hex = bytes[at + 1] === X ? /^[0-9a-fA-F]{2}$/.exec(bytes.toString("latin1", at + 2, at + 4))?.[0] : undefined;
      const escaped = bytes[at + 1] ?? 0;
      value.push(hex === undefined ? (ESCAPES[String.fromCharCode(escaped)] ?? escaped) : Number.parseInt(hex, 16));
      at += hex === undefined ? 1 : 3;
    } else {
      value.push(byte);
    }
  }
}
