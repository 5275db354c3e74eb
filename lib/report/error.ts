import { isLabError, messageOf } from "../error.ts";
import { progressColours as pc } from "./colours.ts";

/** An error for people: what, why, what to do. A defect of redis-lab shows its stack, since nobody else can mend it. */
export function formatError(error: unknown): string {
  if (isLabError(error))
    return [`${pc.red("error")} ${error.what}`, ...(error.why === undefined ? [] : [error.why]), pc.bold(error.next)].join("\n");
  return `${pc.red("defect")} ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\nThis is a fault of redis-lab, not yours.`;
}

/** The same for `--json`. */
export function errorDocument(error: unknown): {
  readonly error: { readonly code: string; readonly what: string; readonly why?: string | undefined; readonly next?: string };
} {
  return {
    error: isLabError(error)
      ? { code: error.code, what: error.what, why: error.why, next: error.next }
      : { code: "defect", what: messageOf(error) },
  };
}
