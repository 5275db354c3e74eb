/** More ranges than this are counted, not listed. */
const MOST = 4;

/** Slot ranges for people: `0-99,200 and 40 more ranges`. */
export function shortRanges(ranges: readonly string[]): string {
  const listed = ranges.slice(0, MOST).join(",");
  return ranges.length > MOST ? `${listed} and ${ranges.length - MOST} more ranges` : listed;
}
