import type * as v from "valibot";
import { oneOf } from "../base/list.ts";
import { didYouMean } from "../base/nearest.ts";
import type { LabFault } from "./errors.ts";

type Issue = v.BaseIssue<unknown>;

/** What a schema found, in words of labs. */
export function fieldFaults(issues: readonly Issue[]): readonly LabFault[] {
  return issues.flatMap(specific).map((issue) => {
    const at = pathOf(issue);
    return { code: "lab.field", at: at === "" ? "lab" : at, text: textOf(issue, at) };
  });
}

/** "Expected (string | Object) but received Object" says nothing: where a field may have one of several forms, the faults inside the form that was meant. */
function specific(issue: Issue): readonly Issue[] {
  const path = issue.path ?? [];
  // One that is not a fault of type is of the form that was meant.
  const inside = (issue.issues ?? []).flatMap(specific).filter((each) => each.path !== undefined || each.kind === "validation");
  return inside.length === 0 ? [issue] : inside.map((each) => ({ ...each, path: [...path, ...(each.path ?? [])] as typeof each.path }));
}

function pathOf({ path }: Issue): string {
  const parts = (path ?? []).map(({ key }) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`));
  return parts.join("").replace(/^\./, "");
}

/** Names of valibot's types. */
const KINDS: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  boolean: "true or false",
  Array: "a list",
  Object: "an object",
};

function textOf(issue: Issue, at: string): string {
  const ofKey = issue.path?.at(-1)?.origin === "key";
  const received = ofKey ? "its name" : shown(issue.input, at);
  if ((ofKey && issue.type === "object") || (issue.input === undefined && issue.kind === "schema"))
    return `is missing${choicesOf(issue).length === 0 ? "" : `; it is ${oneOf(choicesOf(issue).map((each) => `"${each}"`))}`}`;
  const choices = choicesOf(issue);
  if (choices.length > 0)
    return `${received} is not ${oneOf(choices.map((each) => `"${each}"`))}${didYouMean(String(issue.input), choices)}`;
  if (issue.kind === "schema") {
    const kinds = (issue.expected ?? "")
      .replace(/[()]/g, "")
      .split(/ \| /)
      .filter((each) => each !== "");
    const must = oneOf(kinds.map((each) => KINDS[each] ?? each));
    return `${received} must be ${must}${unquoted(issue.input, kinds)}`;
  }
  const requirement = String(issue.requirement);
  // Where the field says itself what it must be, that is better than its limit.
  const own = issue.message.startsWith("Invalid ") ? undefined : issue.message;
  if (own !== undefined) return own.startsWith("needs") ? own : `${received} ${own}`;
  switch (issue.type) {
    case "integer":
      return `${received} must be a whole number`;
    case "finite":
      return `${received} must be a number`;
    case "min_value":
      return `${received} must be at least ${requirement}`;
    case "max_value":
      return `${received} must be at most ${requirement}`;
    case "regex":
      return `${received} must match ${requirement}`;
    default:
      return `${received} is not what belongs here (${issue.message})`;
  }
}

/** The words of which a field takes one. */
function choicesOf(issue: Issue): readonly string[] {
  if (!["variant", "picklist", "literal"].includes(issue.type)) return [];
  return [...(issue.expected ?? "").matchAll(/"([^"]*)"/g)].map(([, word]) => word ?? "");
}

/** A number or a truth value in quotes. */
function unquoted(input: unknown, kinds: readonly string[]): string {
  if (typeof input !== "string") return "";
  if (kinds.includes("number") && /^\d+$/.test(input)) return `; write ${input} without quotes`;
  if (kinds.includes("Array") && /^\d+$/.test(input)) return `; write [${input}]`;
  if (kinds.includes("boolean") && /^(true|yes)$/i.test(input)) return "; write true without quotes";
  if (kinds.includes("boolean") && /^(false|no)$/i.test(input)) return "; write false without quotes";
  return "";
}

/** A value as it stands in the definition. It may be a password that was put into the wrong field: then it is not repeated. */
function shown(input: unknown, at: string): string {
  if (/secret|pass/i.test(at)) return "the value";
  if (typeof input === "string") return JSON.stringify(input.length > 60 ? `${input.slice(0, 60)}…` : input);
  if (typeof input === "number" || typeof input === "boolean" || input === null || input === undefined) return String(input);
  return Array.isArray(input) ? "a list" : typeof input === "function" ? "a function" : "an object";
}
