import type { ErrorKind } from "../base/error.ts";

/** What redis-lab ends with. Documented in the README; scripts rely on it. */
export const EXIT = {
  done: 0,
  /** Something failed, or a check found a problem. */
  failed: 1,
  /** `plan --exit-code`: changes are pending. */
  pending: 2,
  /** Wrong use: the command line names what does not exist, or gives a value that can't be meant. */
  usage: 64,
  interrupted: 130,
} as const;

/** What an error ends with. */
export const EXIT_OF_KIND: Readonly<Record<ErrorKind, number>> = {
  usage: EXIT.usage,
  refused: EXIT.failed,
  environment: EXIT.failed,
  defect: EXIT.failed,
  interrupted: EXIT.interrupted,
};
