/**
 * Whose matter an error is. The exit code follows from it.
 *
 * - `usage`: the command line. What it names does not exist, or is not a value that could be meant.
 * - `refused`: the lab, what it declares or what its servers answer. It is in a state in which this is not done.
 * - `environment`: what redis-lab needs around it. Network, disk, permission, a missing program, a wait that ended without result.
 * - `interrupted`: a signal ended the work.
 * - `defect`: redis-lab itself.
 */
export type ErrorKind = "usage" | "refused" | "environment" | "interrupted" | "defect";

/** What an error of redis-lab tells its reader. Every part is a full sentence or a plain value; none may hold a secret. */
export interface LabErrorProps {
  /** Stable name of the case, `room.case` in kebab case, for example `lab.duplicate-address`. Callers branch on it, never on the text. */
  readonly code: string;
  readonly kind: ErrorKind;
  /** What happened, with the value that was received. */
  readonly what: string;
  /** Why this is a fault. @default - left out where `what` says it all */
  readonly why?: string | undefined;
  /** What to do, as a command wherever there is one. */
  readonly next: string;
  readonly cause?: unknown;
}

/**
 * An error that is the user's to fix: bad input, an unreachable host, a refused change. Each room has a catalogue `errors.ts` of camelCase factories that
 * return one; the caller writes `throw duplicateAddress(...)`, so that control flow stays visible. Anything else that is thrown is a defect of redis-lab.
 */
export class LabError extends Error {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly what: string;
  readonly why: string | undefined;
  readonly next: string;

  constructor(props: LabErrorProps) {
    super([props.what, props.why, props.next].filter(Boolean).join("\n"), { cause: props.cause });
    this.name = "LabError";
    this.code = props.code;
    this.kind = props.kind;
    this.what = props.what;
    this.why = props.why;
    this.next = props.next;
  }
}

export function isLabError(value: unknown): value is LabError {
  return value instanceof LabError;
}

/** A fault that the operating system reported: `code` is the name of its errno. A wrong argument to one of Node's functions is a defect and none of these. */
export function isSystemError(
  value: unknown,
): value is Error & { readonly code: string; readonly syscall: string; readonly path?: string } {
  return (
    value instanceof Error && "code" in value && typeof value.code === "string" && "syscall" in value && typeof value.syscall === "string"
  );
}

/** The kind of anything that was thrown; what is neither a LabError nor an abort is a defect. */
export function kindOf(error: unknown): ErrorKind {
  if (isLabError(error)) return error.kind;
  return error instanceof Error && error.name === "AbortError" ? "interrupted" : "defect";
}

/** What happened, in one sentence without reasons and advice: for a cell of a table, or a detail in another sentence. */
export function whatOf(error: unknown): string {
  return isLabError(error) ? error.what : (messageOf(error).split("\n")[0] ?? "");
}

/** The text of anything that was thrown, for a detail in another message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
