import type { Placement } from "../../lab/placement.ts";

/** What a check says: one thing that is not as it should be, still without the name of the check. Holds no secret. */
export interface Found {
  /** `problem`: something will not work or not survive; `warning`: it works, unwisely; `note`: worth knowing. */
  readonly severity: "problem" | "warning" | "note";
  /** Host or instance id; undefined for the lab as a whole. */
  readonly subject: string | undefined;
  readonly text: string;
  readonly next?: string | undefined;
}

/** The same with the name of its check, which the check itself never writes: see check.ts. */
export interface DoctorFinding<Name extends string = string> extends Found {
  readonly check: Name;
}

/** The remedy of what `up` sets. */
export function upOf({ lab }: Placement): string {
  return `Run: redis-lab up ${lab.name}`;
}

/** How grave a kernel setting is: a host that is not managed is not redis-lab's to change, so that there it is worth knowing and no more. */
export function byManagement(placement: Placement): Pick<Found, "severity" | "next"> {
  return placement.capabilities.managesHost ? { severity: "warning", next: upOf(placement) } : { severity: "note" };
}
