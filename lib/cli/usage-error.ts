import type { CommanderError } from "commander";
import { LabError } from "../base/error.ts";

/** Which labs there are, for a command line that names none; undefined where that is not known, or where the lab is not what is missing. */
export async function knownLabs({ code, message }: CommanderError, argv: readonly string[]): Promise<string | undefined> {
  if (code !== "commander.missingArgument" || !message.includes("'lab'")) return undefined;
  const { openProject } = await import("../project/project.ts");
  const at = argv.indexOf("--labs");
  const labsFile = at === -1 ? process.env["REDIS_LAB_LABS"] : argv[at + 1];
  try {
    const { labs } = await openProject({ from: process.cwd(), labsFile });
    return labs.length === 0 ? undefined : `The labs here are: ${labs.map(({ name }) => name).join(", ")}.`;
  } catch {
    // Wrong use is what is said, and not what else is wrong here.
    return undefined;
  }
}

/** What commander found wrong with the command line, as an error like all others. Codes are commander's: `commander.unknownOption` is `cli.unknown-option`. */
export function usageError({ code, message }: CommanderError, labs?: string): LabError {
  const name = code.replace(/^commander\./, "").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return new LabError({
    // Where a verb is missing commander shows its help.
    ...(name === "help"
      ? { code: "cli.no-verb", what: "No verb is given." }
      : { code: `cli.${name}`, what: message.replace(/^error: /, "") }),
    kind: "usage",
    next: `${labs === undefined ? "" : `${labs} `}\`redis-lab --help\` lists the verbs, \`redis-lab VERB --help\` shows examples.`,
  });
}
