import * as v from "valibot";
import { checkLab } from "./check.ts";
import { InvalidLabError, type LabFault } from "./errors.ts";
import { type HostInput, type Lab, type LabInput, labSchema } from "./schema.ts";

/**
 * Makes a lab of its definition: validates every field, fills in the defaults and checks the lab as a whole. The result is plain data and a valid definition
 * itself, so a second environment is `defineLab({ ...cluster, name: "staging", … })`.
 *
 * @throws InvalidLabError `lab.invalid` with every fault at once
 */
export function defineLab(definition: LabInput): Lab {
  const parsed = v.safeParse(labSchema, definition);
  if (!parsed.success) throw new InvalidLabError(String(definition.name), parsed.issues.flatMap(specific).map(toFault));
  const faults = checkLab(parsed.output);
  if (faults.length > 0) throw new InvalidLabError(parsed.output.name, faults);
  return parsed.output;
}

/**
 * Hosts that are named and addressed by one number each: `numberedHosts("192.168.1", [18, 28])` gives `redis-18` at 192.168.1.18 and `redis-28` at 192.168.1.28.
 *
 * @param network first three numbers of the address
 * @param more further fields by number, for example `{ 78: { instances: [6379, 6380] } }`
 */
export function numberedHosts(
  network: string,
  numbers: readonly number[],
  more: Readonly<Record<number, Partial<HostInput>>> = {},
): HostInput[] {
  return numbers.map((number) => ({ name: `redis-${number}`, address: `${network}.${number}`, ...more[number] }));
}

/** "Expected (string | Object) but received Object" says nothing: where a field may have one of several forms, the faults inside the form that was meant. */
function specific(issue: v.BaseIssue<unknown>): readonly v.BaseIssue<unknown>[] {
  const path = issue.path ?? [];
  const inside = (issue.issues ?? []).flatMap(specific).filter((each) => each.path !== undefined);
  return inside.length === 0 ? [issue] : inside.map((each) => ({ ...each, path: [...path, ...(each.path ?? [])] as typeof each.path }));
}

function toFault(issue: v.BaseIssue<unknown>): LabFault {
  const at = (issue.path ?? [])
    .map(({ key }) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("")
    .replace(/^\./, "");
  // A value may be a password that somebody put in the wrong field: only short plain values of other types are repeated.
  const received =
    typeof issue.input === "number" || typeof issue.input === "boolean"
      ? ` (received ${issue.input})`
      : typeof issue.input === "string" && !/secret|pass/i.test(at)
        ? ` (received ${JSON.stringify(issue.input.slice(0, 60))})`
        : "";
  return { code: "lab.field", at: at === "" ? "lab" : at, text: `${issue.message}${received}` };
}
