#!/usr/bin/env node
import { setMaxListeners } from "node:events";
import { readFile } from "node:fs/promises";
import type { Interface } from "node:readline";
import { hasSecrets, withoutSecrets } from "../trib/arguments.ts";
import { EXIT } from "./exit-codes.ts";

const argv = process.argv.slice(2);
// Before anything else: until here everybody on this computer can read it.
if (hasSecrets(argv)) process.title = ["redis-trib", ...withoutSecrets(argv)].join(" ");

const interruption = new AbortController();
// Everything that waits listens to it; with many nodes that is no leak.
setMaxListeners(0, interruption.signal);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (interruption.signal.aborted) process.exit(EXIT.interrupted);
    process.stderr.write("\nredis-trib: interrupted; ending what is in flight (again to leave at once).\n");
    interruption.abort();
  });
}
// A reader that closes the pipe early (`| head`) is no reason to leave slots open.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    if (stream === process.stdout) interruption.abort();
  });
}

let lines: { readonly reader: Interface; readonly iterator: AsyncIterator<string> } | undefined;

const { runTrib } = await import("../trib/run.ts");
process.exitCode = await runTrib(argv, {
  write: (text) => process.stdout.write(text),
  warn: (line) => process.stderr.write(`${line}\n`),
  ask: nextLine,
  askSecret,
  readFile: (path) => readFile(path, "utf8"),
  random: Math.random,
  now: () => new Date(),
  environment: process.env,
  folder: process.cwd(),
  signal: interruption.signal,
}).catch((error: unknown) => {
  process.stderr.write(`redis-trib: ${error instanceof Error ? error.stack : String(error)}\n`);
  return EXIT.failed;
});
lines?.reader.close();
// A question that nobody answered leaves standard input open.
process.stdin.unref?.();

/** Answers come from standard input, whether somebody types them or a script pipes them in. */
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
  process.stderr.write(prompt);
  if (process.stdin.isTTY !== true) return nextLine();
  const { readSecret } = await import("./secret.ts");
  return readSecret(process.stdin, process.stderr, interruption.signal);
}
