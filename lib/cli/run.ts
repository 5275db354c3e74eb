import { CommanderError } from "commander";
import { isLabError, kindOf } from "../base/error.ts";
import type { Subject } from "../report/documents.ts";
import { printJson, say } from "../report/print.ts";
import { EXIT, EXIT_OF_KIND } from "./exit-codes.ts";
import { LAB_VERBS } from "./lab-verbs.ts";
import { ownOptionsFirst } from "./own-options.ts";
import { buildProgram, type ProgramHost } from "./program.ts";
import { VERB_TABLE } from "./verb-table.ts";

/** Runs one command line (without node and script), shows its error where it ends with one, and returns the exit code. @param running called with what an interruption means, before the verb runs */
export async function runCommandLine(
  argv: readonly string[],
  signal: AbortSignal,
  running: ProgramHost["running"] = () => {},
): Promise<number> {
  let code: number = EXIT.done;
  let subject: Subject = {};
  const json = asksForJson(argv);
  const program = await buildProgram(argv, {
    signal,
    exitWith: (value) => (code = value),
    complain: !json,
    running,
    speaksOf: (known) => (subject = known),
  });
  try {
    await program.parseAsync([...ownOptionsFirst(argv, LAB_VERBS)], { from: "user" });
    return signal.aborted ? EXIT.interrupted : code;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.done;
    const { labErrorOf } = await import("../base/system-error.ts");
    const { knownLabs, usageError } = await import("./usage-error.ts");
    const labs = thrown instanceof CommanderError ? await knownLabs(thrown, argv) : undefined;
    const { errorDocument, formatError } = await import("../report/error.ts");
    const error = thrown instanceof CommanderError ? usageError(thrown, labs) : (labErrorOf(thrown) ?? thrown);
    if (json) printJson(errorDocument(error, subject), 2);
    else if (labs !== undefined) say(`${labs}\n`);
    // Commander has shown its own already; what an interruption broke is no news.
    else if (!(thrown instanceof CommanderError) && (!signal.aborted || isLabError(error))) {
      const { wrapLines } = await import("../report/wrap.ts");
      // A terminal that does not know its size says 0.
      say(`${wrapLines(formatError(error), (process.stderr.isTTY && process.stderr.columns) || undefined)}\n`);
    }
    return signal.aborted ? EXIT.interrupted : EXIT_OF_KIND[kindOf(error)];
  }
}

/** True where `--json` is redis-lab's own: not behind `--`, and not part of a command for a host or server. */
function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  if (!(end === -1 ? argv : argv.slice(0, end)).includes("--json")) return false;
  const verb = VERB_TABLE.find(({ name }) => name === argv[0]);
  return verb === undefined || !("start" in verb) || verb.passesOn !== "all";
}
