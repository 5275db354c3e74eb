import { createInterface } from "node:readline/promises";
import { LabError } from "../error.ts";

/** Somebody sits at a terminal who can be asked. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/**
 * Asks before something that can't be undone, on a terminal only: a script that says `down --purge` means it.
 *
 * @throws LabError `cli.not-confirmed`
 */
export async function confirm(question: string, yes: boolean | undefined): Promise<void> {
  if (yes === true || !canAsk()) return;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`${question} (type 'yes' to accept): `);
    if (answer.trim() !== "yes")
      throw new LabError({ code: "cli.not-confirmed", what: "Not confirmed; nothing was touched.", next: "Answer `yes`, or say --yes." });
  } finally {
    lines.close();
  }
}
