import { isLabError, kindOf, messageOf } from "../base/error.ts";
import { plainText } from "../base/terminal-text.ts";
import { progressColours as pc } from "./colours.ts";
import type { ErrorDocument, Subject } from "./documents.ts";
import { DOCUMENT_FORMAT } from "./format.ts";

/** An error for people: what, why, what to do. A defect of redis-lab shows its stack, since nobody else can fix it. */
export function formatError(error: unknown): string {
  if (isLabError(error))
    return [
      `${pc.red("error")} ${plainText(error.what)}`,
      ...(error.why === undefined ? [] : [plainText(error.why)]),
      pc.bold(plainText(error.next)),
    ].join("\n");
  // What a signal broke off is not a fault, and its stack no help.
  if (kindOf(error) === "interrupted") return `${pc.red("error")} Interrupted.`;
  return `${pc.red("defect")} ${plainText(error instanceof Error ? (error.stack ?? error.message) : messageOf(error))}\nThis is a fault of redis-lab, not yours.`;
}

/** The same for `--json`. */
export function errorDocument(error: unknown, { lab, target }: Subject = {}): ErrorDocument {
  const kind = kindOf(error);
  return {
    format: DOCUMENT_FORMAT,
    lab,
    target,
    error: isLabError(error)
      ? { code: error.code, kind, what: error.what, why: error.why, next: error.next }
      : { code: kind, kind, what: messageOf(error) },
  };
}
