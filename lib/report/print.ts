import { colouredText, jsonText, plainText } from "../base/terminal-text.ts";
import type { Documents } from "./documents.ts";

// The one way out: everything that redis-lab writes to its outputs passes here, and a terminal behind it is shown what hosts, servers and files sent, and obeys none of it. Pipes get the same:
// behind `| grep`, `| tail` and Terraform there is a terminal as well, and who needs the bytes has --json. Three things pass by. Values that `cli` hands to a pipe go byte by byte, as redis-cli
// does it; `ssh` and redis-cli have the terminal to themselves, and what they show is between them and it; and our own display moves the cursor (screen.ts, progress-terminal.ts).

/**
 * Colours are for a terminal, and a file or a pipe gets plain text, in CI as well (picocolors would colour there). NO_COLOR and FORCE_COLOR win, as they do elsewhere.
 */
export function wantsColours(stream: { readonly isTTY?: boolean }): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR !== undefined && NO_COLOR !== "") return false;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== "" && FORCE_COLOR !== "0") return true;
  return stream.isTTY === true && TERM !== "dumb";
}

/** A text that may hold our colours, where they are wanted. Sequences that are split between two texts are shown in both. */
export function forTerminal(text: string, coloured: boolean): string {
  return coloured ? colouredText(text) : plainText(text);
}

/** A part of a result, on standard output, without a line end of its own. @param coloured whether colours of ours are in it: not in what a host or a server says. @default where they are wanted */
export function print(text: string, coloured = wantsColours(process.stdout)): void {
  process.stdout.write(forTerminal(text, coloured));
}

/** A line of a host or a server on standard output. Each is written by itself, so that a reader that has left (`| head -1`) is noticed at the next one. */
export function printLine(line: string): void {
  print(`${line}\n`, false);
}

/** Resolves when standard output takes more; undefined where it does. A pipe that is not read as fast as a host talks would be kept in memory. */
export function room(): Promise<void> | undefined {
  const { stdout } = process;
  if (!stdout.writableNeedDrain || stdout.destroyed) return undefined;
  drained ??= new Promise((resolve) => {
    const go = () => {
      drained = undefined;
      stdout.off("drain", go).off("close", go);
      resolve();
    };
    stdout.on("drain", go).on("close", go);
  });
  return drained;
}

let drained: Promise<void> | undefined;

/** A document of `--json` on standard output. @param indent of each level, in blanks. @default one line */
export function printJson(document: Documents[keyof Documents], indent?: number): void {
  process.stdout.write(`${jsonText(document, indent)}\n`);
}

/** A value for a program, byte by byte. */
export function printBytes(bytes: Buffer): void {
  process.stdout.write(bytes);
}

/** Progress, a warning or an error, on standard error, without a line end of its own. */
export function say(text: string, coloured = wantsColours(process.stderr)): void {
  process.stderr.write(forTerminal(text, coloured));
}
