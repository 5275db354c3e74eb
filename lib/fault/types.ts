import type { FaultOptions } from "./row.ts";

/** A fault as asked for: `redis-lab fault LAB FAULT TARGET… [--for 30s]`. */
export interface FaultRequest {
  readonly fault: string;
  /** Instances, hosts or roles as typed: `redis-28`, `redis-28:6379`, `master-of:slot:5000`. Of a partition: the two sides. */
  readonly targets: readonly string[];
  /** When the hosts heal themselves, in milliseconds. @default the fault's own; undefined where it has no undo (kill) */
  readonly forMs?: number | undefined;
  readonly options?: FaultOptions | undefined;
}

/** A fault that was made. */
export interface MadeFault {
  readonly id: string;
  readonly fault: string;
  /** What the targets were at that moment: instance ids or host names. */
  readonly touched: readonly string[];
  /** What was done to whom, in sentences without an end. */
  readonly says: readonly string[];
  /** Monotonic microseconds (`process.hrtime`) between which it was made. */
  readonly fromMicros: number;
  readonly toMicros: number;
  /** There is something to undo: `heal` does it, or the hosts at `until`. */
  readonly undoable: boolean;
  /** ISO time at which the hosts heal themselves; undefined where there is nothing to heal. */
  readonly until: string | undefined;
}
