import type { Judged } from "../verdict/judged.ts";

/** A judge of one thing in a history. */
export interface HistoryCheck {
  readonly name: string;
  /** What holds where it finds nothing. */
  readonly about: string;
  /** Parts of a history without which it says nothing. */
  readonly needs: readonly ("final" | "state" | "events" | "end")[];
  /** The figure that an expectation may allow; without one it fails the drill whenever it finds something. */
  readonly metric?: string;
  /** What is not as it should be, as sentences without an end. */
  readonly check: (judged: Judged) => readonly string[];
}
