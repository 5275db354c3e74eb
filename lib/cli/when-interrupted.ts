/** What an interruption means to a verb. */
export type WhenInterrupted =
  /** The same command again does the rest. */
  | "continues"
  /** The same command again is refused, or would do more: `cluster resume` does the rest. */
  | "resume"
  /** There is nothing to go on with, or the verb itself says what. */
  | "stops"
  /** It is the way to end it. */
  | "ends";

/** What is said at the first signal; undefined where nothing needs to be said. `LAB` in it stands for the lab. */
export function interruptedText(meaning: WhenInterrupted): string | undefined {
  const ending = "interrupted; ending what runs (again to leave at once).";
  switch (meaning) {
    case "continues":
      return `${ending} Run the same command again: it continues.`;
    case "resume":
      return `${ending} \`redis-lab cluster resume LAB\` finishes a move of slots that is under way.`;
    case "stops":
      return ending;
    case "ends":
      return undefined;
    default:
      return meaning satisfies never;
  }
}
