#!/usr/bin/env node
import { say } from "../report/print.ts";
import { EXIT } from "./exit-codes.ts";
import { answerSignals, outliveReaders } from "./interruption.ts";
import { runCommandLine } from "./run.ts";
import { interruptedText } from "./when-interrupted.ts";

let text = interruptedText("stops");
const { signal } = answerSignals(() => {
  if (text !== undefined) say(`\n${text}\n`);
});
// A reader that closes the pipe early is not a fault: without a reader of the results, nothing is left to do. Without a reader of the progress the work still goes on.
outliveReaders(() => process.exit(EXIT.done));

process.exitCode = await runCommandLine(process.argv.slice(2), signal, (meaning, invocation) => {
  const said = interruptedText(meaning);
  text = said;
  // Loaded with the verb: `--help` must not wait for it.
  if (said !== undefined && invocation !== undefined)
    void import("../engine/invocation.ts").then(({ fillCommands }) => {
      text = fillCommands(said, invocation);
    });
});
