#!/usr/bin/env node
import type { Interface } from "node:readline";
import { readPrivateFile } from "../base/private-file.ts";
import { print, say } from "../report/print.ts";
import { hasSecrets, withoutSecrets } from "../trib/arguments.ts";
import { EXIT } from "./exit-codes.ts";
import { answerSignals, outliveReaders } from "./interruption.ts";

const argv = process.argv.slice(2);
// Before anything else: until here everybody on this computer can read it.
if (hasSecrets(argv)) process.title = ["redis-trib", ...withoutSecrets(argv)].join(" ");

const interruption = answerSignals(() => say("\nredis-trib: interrupted; ending what is in flight (again to leave at once).\n"));
// A reader that closes the pipe early (`| head`) is not a reason to leave slots open.
outliveReaders(() => interruption.abort());

let lines: { readonly reader: Interface; readonly iterator: AsyncIterator<string> } | undefined;

const { runTrib } = await import("../trib/run.ts");
process.exitCode = await runTrib(argv, {
  // Its screen colours what it has made plain.
  write: (text) => print(text, true),
  warn: (line) => say(`${line}\n`, false),
  ask: nextLine,
  askSecret,
  readPasswordFile: readPrivateFile,
  random: Math.random,
  now: () => new Date(),
  environment: process.env,
  folder: process.cwd(),
  signal: interruption.signal,
}).catch((error: unknown) => {
  say(`redis-trib: ${error instanceof Error ? error.stack : String(error)}\n`);
  return EXIT.failed;
});
lines?.reader.close();
// A question that nobody answered leaves standard input open.
process.stdin.unref?.();

/** Answers come from standard input, typed or piped in by a script. */
async function nextLine(): Promise<string | undefined> {
  if (lines === undefined) {
    const { createInterface } = await import("node:readline");
    const reader = createInterface({ input: process.stdin, terminal: false });
    lines = { reader, iterator: reader[Symbol.asyncIterator]() };
  }
  const next = await lines.iterator.next();
  return next.done === true ? undefined : next.value;
}

async function askSecret(prompt: string): Promise<string | undefined> {
  say(prompt);
  if (process.stdin.isTTY !== true) return nextLine();
  const { readSecret } = await import("./secret.ts");
  return readSecret(process.stdin, process.stderr, interruption.signal);
}
