import { LabError } from "../base/error.ts";
import { allOf } from "../base/list.ts";
import { byCount } from "../base/text.ts";
import type { FaultPath } from "./fault-path.ts";

/** One fault of a lab definition. `code` is stable. */
export interface LabFault {
  readonly code: string;
  /** Path inside the definition, for people: `hosts["redis-38"].address`. */
  readonly at: string;
  readonly path?: FaultPath;
  readonly text: string;
  /** `FILE:LINE`, where it is known. */
  readonly place?: string;
}

/** Thrown by `defineLab` with every fault at once. */
export class InvalidLabError extends LabError {
  /** Its name. */
  readonly lab: string;
  readonly faults: readonly LabFault[];

  constructor(lab: string, faults: readonly LabFault[]) {
    super({
      code: "lab.invalid",
      kind: "refused",
      what: `The lab "${lab}" has ${byCount(faults.length, "a fault", `${faults.length} faults`)}:\n${faults.map(lineOf).join("\n")}`,
      next: "Fix the definition in the labs file and run the command again; nothing was touched.",
    });
    this.lab = lab;
    this.faults = faults;
  }
}

function lineOf({ at, text, place }: LabFault): string {
  return `  ${at}: ${text}${place === undefined ? "" : ` (${place})`}`;
}

export function unknownNumbers(network: string, numbers: readonly number[], stray: readonly string[]): LabError {
  return new LabError({
    code: "lab.unknown-number",
    kind: "refused",
    what: `numberedHosts("${network}", [${numbers.join(", ")}]) is given fields for ${allOf(stray)}, which ${byCount(stray.length, "is not one of its numbers", "are not among its numbers")}.`,
    why: "They would change no host.",
    next: "Add the number to the list, or give the fields to one that is in it.",
  });
}

export function weakPassword(where: string, why: string): LabError {
  return new LabError({
    code: "secrets.weak-password",
    kind: "refused",
    what: `The password from ${where} is refused: ${why}.`,
    why: "It guards every instance of the lab, and Redis answers thousands of guesses in a second.",
    next: "Use at least 12 characters of A-Z a-z 0-9 _ -, or leave it to redis-lab, which generates 32.",
  });
}

export function illegalPassword(where: string): LabError {
  return new LabError({
    code: "secrets.illegal-password",
    kind: "refused",
    what: `The password from ${where} holds a character outside A-Z a-z 0-9 _ -.`,
    why: "Sentinel rewrites auth-pass without quotes: a blank or quote there corrupts sentinel.conf, and the sentinel does not start again (sentinel.c of 4.0.14).",
    next: "Choose a password of A-Z a-z 0-9 _ - only.",
  });
}

/** Namespaces of a lab need two addresses besides those of its hosts. */
export function noFreeAddress(lab: string, cidr: string, hosts: number): LabError {
  return new LabError({
    code: "lab.no-free-address",
    kind: "refused",
    what: `The network ${cidr} of "${lab}" has no address left beside those of its ${byCount(hosts, "one host", `${hosts} hosts`)}.`,
    why: "The bridge between the namespaces takes one, and clients another.",
    next: "Give the lab a wider `network.cidr`, or use another target: redis-lab up LAB --target local",
  });
}

export function hostNamedClient(lab: string, name: string): LabError {
  return new LabError({
    code: "lab.host-named-client",
    kind: "refused",
    what: `"${lab}" has a host with the name "${name}", which is that of the namespace for clients.`,
    next: "Give the host another name, or use another target: redis-lab up LAB --target local",
  });
}
