import type { ErrorKind } from "../base/error.ts";
import { expectedError } from "../base/system-error.ts";

/** Why a host was not looked at or not brought to what the lab declares: an error as data, for reports. */
export interface HostFailure {
  readonly host: string;
  /** Step that failed; undefined where the host was not reached. */
  readonly step: string | undefined;
  readonly code: string;
  readonly kind: ErrorKind;
  readonly what: string;
  /** For example the last lines of the log, or of what a command said; may have several lines. */
  readonly why: string | undefined;
  readonly next: string | undefined;
}

/** @throws what says nothing of the host: a defect of redis-lab, or an interruption */
export function hostFailure(host: string, step: string | undefined, error: unknown): HostFailure {
  const { code, kind, what, why, next } = expectedError(error);
  return { host, step, code, kind, what, why, next };
}
