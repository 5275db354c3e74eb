import type { Connection } from "../connection/connection.ts";
import { sh } from "../connection/quote.ts";
import { removeBlock } from "../render/block.ts";
import { commandFailed } from "./errors.ts";
import type { HostFacts } from "./facts.ts";
import { originalOf } from "./host-paths.ts";
import { theirFile } from "./managed-file.ts";

/** Whether a file of others holds lines of the lab. */
export function hasBlock(text: string | undefined, lab: string): boolean {
  return text !== undefined && removeBlock(text, lab) !== text;
}

/**
 * Takes the lab's lines out of a file of others. Where nobody else has written into it since, it is again what it was, its mode included; else it keeps the mode that the lines of others may
 * need by now. A script that held nothing else was ours, and goes.
 *
 * @returns whether there were such lines
 * @throws LabError `connection.*`, `render.broken-block`, `bootstrap.command-failed`
 */
export async function takeBlockOut(connection: Connection, facts: HostFacts, path: string, lab: string, step: string): Promise<boolean> {
  const text = (await connection.readFile(path))?.toString("utf8");
  const theirs = await theirFile(connection, path, facts.paths.get(path));
  if (text === undefined || theirs === undefined) return false;
  const rest = removeBlock(text, lab);
  if (rest === text) return false;
  const run = async (script: string, title: string) => {
    const result = await connection.run(script, { title, root: true });
    if (result.exitCode !== 0) throw commandFailed(connection.host, step, result);
    return result.stdout;
  };
  const copy = originalOf(path);
  const mode = await run(sh`if [ -f ${copy} ] && [ ! -L ${copy} ]; then stat -c %a -- ${copy}; fi`, "look at the original");
  const original = mode === "" ? undefined : (await connection.readFile(copy))?.toString("utf8");
  if (original !== undefined && becameOf(original).includes(rest)) {
    await connection.writeFile(theirs.path, original, { mode: Number.parseInt(mode, 8), owner: theirs.owner });
  } else if (/^(#!.*\n)?\s*$/.test(rest)) {
    await run(sh`rm -f -- ${path}`, "remove a file");
  } else {
    await connection.writeFile(theirs.path, rest, { mode: theirs.mode, owner: theirs.owner });
  }
  // A copy that says nothing more goes.
  await run(sh`if cmp -s -- ${path} ${copy}; then rm -f -- ${copy}; fi`, "remove the copy of the original");
  if (facts.selinux !== "disabled" && facts.commands.has("restorecon"))
    await connection.run(sh`if [ -e ${path} ]; then restorecon ${path}; fi`, { title: "restorecon", root: true });
  return true;
}

/** What is left of a file when a block was merged into it and taken out again: a last line break is added, and a shebang to a script that has none. */
function becameOf(original: string): readonly string[] {
  const ended = original === "" || original.endsWith("\n") ? original : `${original}\n`;
  return [ended, `#!/bin/sh\n${ended}`];
}
