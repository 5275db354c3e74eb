import { LabError } from "../error.ts";

/** One fault of a lab definition. `code` is stable. */
export interface LabFault {
  readonly code: string;
  /** Path inside the definition, for example `hosts[2].address`. */
  readonly at: string;
  readonly text: string;
}

/** Thrown by `defineLab` with every fault at once. */
export class InvalidLabError extends LabError {
  readonly faults: readonly LabFault[];

  constructor(lab: string, faults: readonly LabFault[]) {
    super({
      code: "lab.invalid",
      what: `The lab "${lab}" has ${faults.length === 1 ? "a fault" : `${faults.length} faults`}:\n${faults.map(({ at, text }) => `  ${at}: ${text}`).join("\n")}`,
      next: "Mend the definition in the labs file and run the command again; nothing was touched.",
    });
    this.faults = faults;
  }
}

export function weakPassword(where: string, why: string): LabError {
  return new LabError({
    code: "secrets.weak-password",
    what: `The password from ${where} is refused: ${why}.`,
    why: "It guards every instance of the lab, and Redis answers thousands of guesses in a second.",
    next: "Use at least 12 characters of A-Z a-z 0-9 _ -, or leave it to redis-lab, which generates 32.",
  });
}

export function illegalPassword(where: string): LabError {
  return new LabError({
    code: "secrets.illegal-password",
    what: `The password from ${where} holds a character outside A-Z a-z 0-9 _ -.`,
    why: "Sentinel rewrites auth-pass without quotes: a blank or quote there corrupts sentinel.conf, and the sentinel does not start again (sentinel.c of 4.0.14).",
    next: "Choose a password of A-Z a-z 0-9 _ - only.",
  });
}
