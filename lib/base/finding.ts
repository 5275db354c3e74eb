/** One thing that is not as declared, or not healthy. */
export interface Finding<Code extends string = string> {
  readonly code: Code;
  /** `refuses`: nothing may be changed before it is repaired by hand; `problem`: it is not healthy; `note`: worth knowing. */
  readonly severity: "refuses" | "problem" | "note";
  /** `HOST:PORT`; undefined for the layout as a whole. */
  readonly instance: string | undefined;
  /** A sentence with its end. */
  readonly text: string;
  /** What to do, with the exact command where there is one. @default nothing needs to be done */
  readonly next?: string | undefined;
}
