import { createInterface } from "node:readline/promises";
import { LabError } from "../base/error.ts";
import { plainText } from "../base/terminal-text.ts";

/** There is a terminal, and so a user who can be asked. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** Where a question is asked. */
interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

/**
 * Asks before something that can't be undone, on a terminal only: a script that says `down --purge` means it.
 *
 * @param yes `--yes` was given, which answers; "never" where it does not, and a person has to
 * @param signal ends the question
 * @throws LabError `cli.not-confirmed` for every answer but yes, the end of the input included; `cli.interrupted`
 */
export async function confirm(question: string, yes: boolean | "never" | undefined, signal: AbortSignal): Promise<void> {
  if (yes === true || !canAsk()) return;
  await ask(question, signal, { input: process.stdin, output: process.stderr }, yes !== "never");
}

/** The question itself. @param optionAnswers an error may name `--yes` as the way out. @throws LabError as confirm */
export async function ask(question: string, signal: AbortSignal, terminal: Terminal, optionAnswers = true): Promise<void> {
  const answers = optionAnswers ? "`yes`, or say --yes" : "`yes`: --yes does not count here";
  const lines = createInterface({ ...terminal, terminal: true });
  let interrupted = false;
  // Where it is listened to, Ctrl-C is left to us.
  lines.on("SIGINT", () => {
    interrupted = true;
    lines.close();
  });
  const closed = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
  try {
    const answer = await Promise.race([lines.question(`${plainText(question)} (type 'yes' to accept): `, { signal }), closed]).catch(
      (error: unknown) => {
        if (signal.aborted) interrupted = true;
        else if (!(error instanceof Error && error.name === "AbortError")) throw error;
        return "";
      },
    );
    if (answer.trim() === "yes") return;
    // The question has no line end of its own.
    if (answer === "") terminal.output.write("\n");
    throw interrupted ? questionInterrupted(answers) : notConfirmed(answers);
  } finally {
    lines.close();
  }
}

function notConfirmed(answers: string): LabError {
  return new LabError({
    code: "cli.not-confirmed",
    kind: "refused",
    what: "Not confirmed; nothing was touched.",
    next: `Answer ${answers}.`,
  });
}

function questionInterrupted(answers: string): LabError {
  return new LabError({
    code: "cli.interrupted",
    kind: "interrupted",
    what: "Interrupted at the question; nothing was touched.",
    next: `Run the command again, and answer ${answers}.`,
  });
}
