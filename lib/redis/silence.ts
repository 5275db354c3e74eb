import type { UnreachableInstance } from "./server.ts";

/** What is said where no instance of a lab answers: that is not a state of a layout. */
export interface Silence {
  readonly text: string;
  readonly next: string;
}

/** Reasons that are shown; the rest is counted. */
const MOST_REASONS = 3;

/** @param silent all instances of a lab, none of which can be asked */
export function silenceOf(silent: readonly Pick<UnreachableInstance, "id" | "error" | "nothingListens" | "next">[]): Silence {
  const count = silent.length;
  if (silent.every(({ nothingListens }) => nothingListens === true))
    return { text: `The lab is down: none of its ${count} instances runs.`, next: "Start it: `redis-lab up LAB`." };
  const reasons = silent.slice(0, MOST_REASONS).map(({ id, error }) => `${id}: ${error.replace(/[.]$/, "")}`);
  const more = count - reasons.length;
  return {
    text: `None of the ${count} instances of the lab can be asked. ${reasons.join("; ")}${more > 0 ? `; and ${more} more` : ""}.`,
    next:
      silent.find(({ next }) => next !== undefined)?.next ??
      "`redis-lab doctor LAB` names the reason for each; `redis-lab up LAB` starts what does not run.",
  };
}
