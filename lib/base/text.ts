// Numbers in sentences.

/** `1 key`, `2 keys`, `0 keys`. */
export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${count} ${byCount(count, noun, nouns)}`;
}

/** The word alone that goes with a number of things: `byCount(ids.length, "is", "are")`. */
export function byCount(count: number, one: string, several: string): string {
  return count === 1 ? one : several;
}

/** `2026-11-30 21:13:04`: a moment by the clock and in the time zone of this computer. @param ms since the epoch */
export function moment(ms: number): string {
  return new Date(ms).toLocaleString("sv-SE");
}

/** `12.3 MB`: millions of bytes. */
export function megabytes(bytes: number, decimals = 1): string {
  return `${(bytes / 1e6).toFixed(decimals)} MB`;
}
