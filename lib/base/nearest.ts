import { distance } from "fastest-levenshtein";
import { oneOf } from "./list.ts";

/** More words than these, all equally near, are no help. */
const MOST = 3;

/**
 * The known words that were most likely meant by one that is not known: at most a third of its letters differ. Case, dashes and underscores do not count.
 *
 * @returns those that are nearest, in their order; none where none is near, or too many are
 */
export function nearest(word: string, known: Iterable<string>): readonly string[] {
  const typed = plain(word);
  const reach = Math.max(1, Math.floor(typed.length / 3));
  const ranked = [...new Set(known)].map((candidate) => ({ candidate, away: awayFrom(typed, plain(candidate)) }));
  const least = Math.min(reach, ...ranked.map(({ away }) => away));
  const found = ranked.filter(({ away }) => away === least).map(({ candidate }) => candidate);
  return found.length > MOST ? [] : found;
}

/** `; did you mean "WORD"?`; empty where no word is near. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const meant = nearest(word, known);
  return meant.length === 0 ? "" : `; did you mean ${oneOf(meant.map((each) => `"${each}"`))}?`;
}

function awayFrom(typed: string, name: string): number {
  const exact = distance(typed, name);
  // `lru` for `allkeys-lru`, `nodeTimeout` for `nodeTimeoutMs`: a part that was left out is one mistake, and so are two letters that changed places.
  const part = typed.length >= 3 && (name.startsWith(typed) || name.endsWith(typed));
  return part || sorted(typed) === sorted(name) ? Math.min(1, exact) : exact;
}

function plain(word: string): string {
  return word.toLowerCase().replace(/[-_]/g, "");
}

function sorted(word: string): string {
  return [...word].sort().join("");
}
