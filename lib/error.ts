/** What an error of redis-lab tells its reader. Every part is a full sentence or a plain value; none may hold a secret. */
export interface LabErrorProps {
  /** Stable name of the case, `room.case` in kebab case, for example `lab.duplicate-address`. Callers branch on it, never on the text. */
  readonly code: string;
  /** What happened, with the value that was received. */
  readonly what: string;
  /** Why this is a fault. @default - left out where `what` says it all */
  readonly why?: string;
  /** What to do, as a command wherever there is one. */
  readonly next: string;
  readonly cause?: unknown;
}

/**
 * An error that is the user's to mend: bad input, an unreachable host, a refused change. Each room has a catalogue `errors.ts` of camelCase factories that
 * return one; the caller writes `throw duplicateAddress(...)`, so that control flow stays visible. Anything else that is thrown is a defect of redis-lab.
 */
export class LabError extends Error {
  readonly code: string;
  readonly what: string;
  readonly why: string | undefined;
  readonly next: string;

  constructor(props: LabErrorProps) {
    super([props.what, props.why, props.next].filter(Boolean).join("\n"), { cause: props.cause });
    this.name = "LabError";
    this.code = props.code;
    this.what = props.what;
    this.why = props.why;
    this.next = props.next;
  }
}

export function isLabError(value: unknown): value is LabError {
  return value instanceof LabError;
}

/** What happened, in one sentence without reasons and advice: for a cell of a table, or a detail in another sentence. */
export function whatOf(error: unknown): string {
  return isLabError(error) ? error.what : (messageOf(error).split("\n")[0] ?? "");
}

/** The text of anything that was thrown, for a detail in another message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
