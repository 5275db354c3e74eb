import type { Placement } from "../lab/placement.ts";
import { wordsOf } from "../redis/words.ts";

/** The lab's settings under the names of the version that runs, and those that it does not know at all (the source fell back to another version). */
export function settingsFor<Value>(
  version: Placement["version"],
  settings: Readonly<Record<string, Value>>,
): { readonly known: ReadonlyMap<string, Value>; readonly unknown: readonly string[] } {
  const words = wordsOf(version);
  const known = new Map<string, Value>();
  const unknown: string[] = [];
  for (const [name, value] of Object.entries(settings)) {
    const own = words.has(name) ? name.toLowerCase() : words.instead(name);
    if (own === undefined) unknown.push(name);
    else known.set(words.canonical(own), value);
  }
  return { known, unknown };
}
