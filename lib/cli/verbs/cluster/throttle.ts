import type { MoveRequest } from "../../../operations/cluster/change.ts";

/** Options of verbs that bring keys from one server to another. */
export interface ThrottleOptions {
  readonly maxLatency?: number;
  readonly maxKeys?: number;
  readonly maxBytes?: number;
}

/** Undefined where none of them was given. */
export function throttleOf({ maxLatency, maxKeys, maxBytes }: ThrottleOptions): MoveRequest["throttle"] {
  if (maxLatency === undefined && maxKeys === undefined && maxBytes === undefined) return undefined;
  return {
    ...(maxLatency !== undefined && { maxLatencyMs: maxLatency }),
    ...(maxKeys !== undefined && { keysPerSecond: maxKeys }),
    ...(maxBytes !== undefined && { bytesPerSecond: maxBytes }),
  };
}
