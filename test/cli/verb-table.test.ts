import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { buildProgram } from "../../lib/cli/program.ts";
import { everyVerb, verbReference } from "../../lib/cli/verb-reference.ts";

// The table of verbs against what is derived from it.

const VERBS = await everyVerb();

test("the README's list of verbs is the table's (write it with: npm run reference)", async () => {
  const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
  const [, table] = /<!-- verbs: begin .*-->\n\n([\s\S]*)\n\n<!-- verbs: end -->/.exec(readme) ?? [];
  // By lines, so that a failure shows the difference and not all of it.
  expect(table?.split("\n")).toEqual((await verbReference()).split("\n"));
});

test("no verb is there twice, and none is named as its family", () => {
  const names = VERBS.map(({ command }) => command);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  expect(names).toEqual(expect.arrayContaining(["up", "cluster check", "apply"]));
});

test.each(VERBS)("the examples of $command are command lines that can be read", async ({ command: path, verb }) => {
  const prefix = path.slice(0, -verb.name.length);
  for (const example of verb.examples) {
    // Three blanks begin a remark, a redirection is the shell's.
    const words = `${prefix}${example.split(/ {3,}| > /)[0]}`.split(" ");
    const program = await buildProgram(words, {
      signal: new AbortController().signal,
      exitWith: () => {},
      complain: false,
      running: () => {},
      speaksOf: () => {},
    });
    const read: string[] = [];
    for (const command of program.commands.flatMap((each) => [each, ...each.commands]))
      if (command.commands.length === 0) command.action(() => void read.push(command.name()));
    await program.parseAsync(words, { from: "user" });
    expect(read, example).toHaveLength(1);
  }
});
