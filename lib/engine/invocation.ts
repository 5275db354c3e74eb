import { isLabError, LabError } from "../base/error.ts";
import { shellQuote } from "../connection/quote.ts";

/** How the lab was named on the command line: what each command that is shown has to repeat, or it would mean another lab. */
export interface Invocation {
  readonly lab: string;
  /** `--labs`, as it was given. */
  readonly labs?: string | undefined;
  /** `--target`, as it was given. */
  readonly target?: string | undefined;
}

/** Verbs that hand on what stands behind the lab: their own options come before it. */
const HAND_ON: ReadonlySet<string> = new Set(["ssh", "cli", "shell"]);

/**
 * Commands in a text as the reader has to type them. The rooms below know no command line: they write `LAB` for the lab, or its name, or `redis-lab VERB` alone in backticks. A command that says
 * already which labs file or target it means stays as it is, so that a text may be filled in twice.
 */
export function fillCommands(text: string, invocation: Invocation): string {
  const { lab } = invocation;
  const options = optionsOf(invocation);
  const named = lab.replace(/[^\w-]/g, "\\$&");
  const pattern = new RegExp(
    `redis-lab ((?:(?:cluster|drill) )?(?!(?:cluster|drill)\\b)(?:[a-z][a-z-]*|VERB)) (?:LAB|${named})(?![\\w-])([^\`;\\n]*)|\`redis-lab ((?:cluster )?(?!(?:cluster|drill|init|apply)\\b)[a-z][a-z-]*)\``,
    "g",
  );
  return text.replace(pattern, (_whole, verb: string | undefined, rest: string | undefined, alone: string | undefined) => {
    if (verb === undefined) return `\`redis-lab ${HAND_ON.has(alone ?? "") ? `${alone}${options} ${lab}` : `${alone} ${lab}${options}`}\``;
    // What follows may hold a further command.
    const more = fillCommands(rest ?? "", invocation);
    const said = / --(?:labs|target)\b/.test((rest ?? "").split("redis-lab ")[0] ?? "");
    return `redis-lab ${HAND_ON.has(verb) && !said ? `${verb}${options} ${lab}` : `${verb} ${lab}${said ? "" : options}`}${more}`;
  });
}

function optionsOf({ labs, target }: Invocation): string {
  const word = (value: string) => (/^[\w./@:+-]+$/.test(value) ? value : shellQuote(value));
  return `${labs === undefined ? "" : ` --labs ${word(labs)}`}${target === undefined ? "" : ` --target ${word(target)}`}`;
}

/** An error with the commands in it filled in; anything else as it is. */
export function fillError(error: unknown, invocation: Invocation): unknown {
  if (!isLabError(error)) return error;
  const { code, kind, cause } = error;
  const [what, why, next] = [error.what, error.why, error.next].map((text) => text && fillCommands(text, invocation));
  return new LabError({ code, kind, what: what ?? "", why, next: next ?? "", cause });
}

/** Keys of documents and events under which redis-lab speaks itself; under others there may be what a server or a file holds. */
const SPOKEN: ReadonlySet<string> = new Set(["next", "text", "what", "why", "note", "verdict", "fix", "detail", "takeDown"]);

/** The same of everything that redis-lab says in a document of `--json`, or in an event. */
export function fillDocument<T>(document: T, invocation: Invocation): T {
  const filled = (value: unknown, key: string | undefined): unknown => {
    if (typeof value === "string") return key !== undefined && SPOKEN.has(key) ? fillCommands(value, invocation) : value;
    if (Array.isArray(value)) return value.map((each) => filled(each, key));
    if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, filled(each, name)]));
  };
  return filled(document, undefined) as T;
}
