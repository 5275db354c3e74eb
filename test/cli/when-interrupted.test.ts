import { expect, test } from "vitest";
import { everyVerb } from "../../lib/cli/verb-reference.ts";
import { interruptedText } from "../../lib/cli/when-interrupted.ts";

const verbs = await everyVerb();

/** What is said at Ctrl-C in a verb, by its words. */
const said = (words: string): string | undefined => {
  const found = verbs.find(({ command }) => command === words);
  if (found === undefined) throw new Error(`no ${words}`);
  return interruptedText(found.verb.interrupted);
};

test.each([
  ["up", /again to leave at once\)\. Run the same command again: it continues\.$/],
  ["cluster fix", /it continues\.$/],
  ["cluster reshard", /^interrupted; .*`redis-lab cluster resume LAB` finishes a move of slots that is under way\.$/],
  ["plan", /again to leave at once\)\.$/],
])("Ctrl-C in %s says what leads on", (words, says) => {
  expect(said(words)).toMatch(says);
});

test.each(["cluster reshard", "cluster rebalance", "cluster drain", "apply"])("a second %s is not the rest of the first", (words) => {
  expect(said(words)).not.toContain("same command");
});

test.each(["logs", "status", "cli", "ssh"])("%s is ended by Ctrl-C, and nothing is said", (words) => {
  expect(said(words)).toBeUndefined();
});
