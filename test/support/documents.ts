import { readFileSync } from "node:fs";
import { Ajv, type ValidateFunction } from "ajv";
import { everyVerb } from "../../lib/cli/verb-reference.ts";
import { SCHEMAS, schemaFile } from "../../scripts/schema-files.ts";

const VERBS = await everyVerb();

/** Those that have `--json`, as they are typed. */
export const JSON_VERBS: readonly string[] = VERBS.filter(({ verb }) => verb.json !== "none").map(({ command }) => command);

/** `completion print` and `words` speak to shells alone. */
const FOR_SHELLS = /^(print|words)$/;

const ajv = new Ajv({ allErrors: true });
const validators = new Map<string, ValidateFunction>();

/** Holds what a run of the command line printed under `--json` to the schemas in docs/reference/json. @throws Error with the paths in the document where it is not as they say */
export function assertDocuments(
  args: readonly string[],
  { code, stdout }: { readonly code: number | null; readonly stdout: string },
): void {
  const verb = verbOf(args);
  // A signal that ends the process ends the document, too.
  if (!asksForJson(args, verb) || code === null || (code === 130 && stdout === "")) return;
  const watches = verb === "status" && args.some((word) => word === "--watch" || word === "-w");
  for (const text of watches ? stdout.trimEnd().split("\n") : [stdout]) {
    const faults = faultsOf(text, verb, code);
    if (faults.length > 0)
      throw new Error(`redis-lab ${args.join(" ")} printed a document that its schema does not allow:\n${faults.join("\n")}\n${text}`);
  }
}

/** The verb of a command line that begins with it. */
function verbOf(args: readonly string[]): string | undefined {
  return JSON_VERBS.find((command) => command === args.slice(0, command.split(" ").length).join(" "));
}

function asksForJson(args: readonly string[], verb: string | undefined): boolean {
  const end = args.indexOf("--");
  const own = end === -1 ? args : args.slice(0, end);
  const hasNone = VERBS.some(({ verb: { name, json } }) => name === args[0] && json === "none");
  return own.includes("--json") && !hasNone && !(verb === "completion" && FOR_SHELLS.test(args[1] ?? ""));
}

function faultsOf(text: string, verb: string | undefined, code: number): readonly string[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    return [`it is not JSON: ${String(error)}`];
  }
  const failed = code !== 0 && typeof document === "object" && document !== null && "error" in document;
  if (!failed && verb === undefined) return ["it is of no verb, and of no error"];
  return schemaFaults(document, failed ? "error" : (verb ?? "error"));
}

/** Where a document is not as the schema of a verb, or of an `error`, says: each with its path. */
export function schemaFaults(document: unknown, verb: string): readonly string[] {
  const validate = validators.get(verb) ?? ajv.compile(JSON.parse(readFileSync(new URL(schemaFile(verb), SCHEMAS), "utf8")));
  validators.set(verb, validate);
  if (validate(document)) return [];
  return (validate.errors ?? []).map(({ instancePath, message, params }) => `${instancePath || "/"} ${message} ${JSON.stringify(params)}`);
}
