import type { MoveRequest } from "../../../operations/cluster/change.ts";

/** Options of verbs that bring keys from one server to another. */
export interface ThrottleFlags {
  /** Milliseconds. */
  readonly maxLatency?: number | undefined;
  /** A second. */
  readonly maxKeys?: number | undefined;
  /** A second. */
  readonly maxBytes?: number | undefined;
}

/** Undefined where none of them was given. */
export function throttleOf({ maxLatency, maxKeys, maxBytes }: ThrottleFlags): MoveRequest["throttle"] {
  if (maxLatency === undefined && maxKeys === undefined && maxBytes === undefined) return undefined;
  return {
    ...(maxLatency !== undefined && { maxLatencyMs: maxLatency }),
    ...(maxKeys !== undefined && { keysPerSecond: maxKeys }),
    ...(maxBytes !== undefined && { bytesPerSecond: maxBytes }),
  };
}
