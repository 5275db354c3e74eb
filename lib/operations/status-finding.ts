/** Something about the layout that is not as declared, or not healthy, in either kind of layout. */
export interface StatusFinding {
  readonly code: string;
  readonly severity: "refuses" | "problem" | "note";
  readonly instance: string | undefined;
  readonly text: string;
  readonly next?: string | undefined;
}
