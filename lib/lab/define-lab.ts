import * as v from "valibot";
import { checkLab } from "./check.ts";
import { InvalidLabError, type LabFault, unknownNumbers } from "./errors.ts";
import { elementsOf, namedPath } from "./fault-path.ts";
import { fieldFaults } from "./field-fault.ts";
import { type HostInput, type Lab, type LabInput, labSchema } from "./schema.ts";
import { unknownFields } from "./unknown-fields.ts";

/**
 * Makes a lab of its definition: validates every field, fills in the defaults and checks the lab as a whole. The result is plain data and a valid definition
 * itself, so a second environment is `defineLab({ ...cluster, name: "staging", … })`.
 *
 * @throws InvalidLabError `lab.invalid` with every fault at once
 */
export function defineLab(definition: LabInput): Lab {
  const unknown = unknownFields(labSchema, definition);
  const parsed = v.safeParse(labSchema, definition);
  const faults = parsed.success ? checkLab(parsed.output) : fieldFaults(parsed.issues);
  if (!parsed.success || unknown.length > 0 || faults.length > 0)
    throw new InvalidLabError(nameOf(definition), placed([...unknown, ...withoutMisspelt(faults, unknown)], definition));
  return parsed.output;
}

/**
 * Hosts that are named and addressed by one number each: `numberedHosts("192.168.1", [18, 28])` gives `redis-18` at 192.168.1.18 and `redis-28` at 192.168.1.28.
 *
 * @param network first three numbers of the address
 * @param more further fields by number, for example `{ 78: { instances: [6379, 6380] } }`
 * @throws LabError `lab.unknown-number` where they are of a number that is not in the list
 */
export function numberedHosts(
  network: string,
  numbers: readonly number[],
  more: Readonly<Record<number, Partial<HostInput>>> = {},
): HostInput[] {
  const stray = Object.keys(more).filter((number) => !numbers.includes(Number(number)));
  if (stray.length > 0) throw unknownNumbers(network, numbers, stray);
  return numbers.map((number) => ({ name: `redis-${number}`, address: `${network}.${number}`, ...more[number] }));
}

/** A labs file in JavaScript may define anything. */
function nameOf(definition: unknown): string {
  return typeof definition === "object" && definition !== null && "name" in definition ? String(definition.name) : "without a name";
}

/** A field is not missing where it is there and misspelt. */
function withoutMisspelt(faults: readonly LabFault[], unknown: readonly LabFault[]): readonly LabFault[] {
  const meant = unknown.map(({ at, text }) => {
    const [, word] = /did you mean "([^"]*)"\?$/.exec(text) ?? [];
    return word === undefined ? undefined : [...at.split(".").slice(0, -1), word].join(".");
  });
  return faults.filter(({ at, text }) => !(text.startsWith("is missing") && meant.includes(at)));
}

function placed(faults: readonly LabFault[], definition: unknown): readonly LabFault[] {
  return faults.map((fault) => {
    const path = elementsOf(fault.at, definition);
    return { ...fault, at: namedPath(path), path };
  });
}
