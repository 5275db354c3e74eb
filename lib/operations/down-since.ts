import { moment } from "../base/text.ts";
import type { LabState } from "../project/state.ts";

/** Since when a lab of which nothing runs is down, as far as its state knows: a sentence. Undefined where there was no `up`. */
export function downSince({ live, since, lastUp }: Pick<LabState, "live" | "since" | "lastUp">): string | undefined {
  if (lastUp === "") return undefined;
  if (live) return `It was brought up at ${moment(Date.parse(since ?? lastUp))}, and not brought down since.`;
  return since === undefined ? undefined : `It was brought down at ${moment(Date.parse(since))}.`;
}
