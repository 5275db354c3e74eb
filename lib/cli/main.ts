#!/usr/bin/env node
import { setMaxListeners } from "node:events";
import { CommanderError } from "commander";
import { isLabError } from "../error.ts";
import { EXIT } from "./exit-codes.ts";
import { buildProgram } from "./program.ts";

/** Errors that say the command line was wrong. Above the call of `run`: a constant below it does not exist yet when that runs. */
const USAGE_CODES: ReadonlySet<string> = new Set([
  "cli.unknown-target",
  "cli.unknown-os",
  "cli.bad-number",
  "project.no-such-lab",
  "operations.unknown-host",
  "operations.unknown-instance",
  "operations.machines-are-terraforms",
  "operations.no-rolling",
  "operations.not-a-cluster",
]);

const interruption = new AbortController();
// Everything that waits listens to it; with many nodes that is no leak.
setMaxListeners(0, interruption.signal);
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // The first one lets the steps that run come to their end, a second one leaves at once: either way the next run continues.
    if (interrupted) process.exit(EXIT.interrupted);
    interrupted = true;
    process.stderr.write("\ninterrupted; ending what runs (again to leave at once). Run the same command again: it continues.\n");
    interruption.abort();
  });
}
// A reader that closes the pipe early (`| head`) is not a fault.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    // Nobody reads the results any more: nothing is left to do. Without a reader of the progress the work still goes on.
    if (stream === process.stdout) process.exit(EXIT.done);
  });
}

process.exitCode = await run(process.argv);

async function run(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.done;
  const program = buildProgram({ signal: interruption.signal, exitWith: (value) => (code = value) });
  try {
    await program.parseAsync([...argv]);
    return interrupted ? EXIT.interrupted : code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    const { errorDocument, formatError } = await import("../report/error.ts");
    if (argv.includes("--json")) process.stdout.write(`${JSON.stringify(errorDocument(error), null, 2)}\n`);
    else if (!interrupted || isLabError(error)) process.stderr.write(`${formatError(error)}\n`);
    if (interrupted) return EXIT.interrupted;
    return isLabError(error) && USAGE_CODES.has(error.code) ? EXIT.usage : EXIT.failed;
  }
}
