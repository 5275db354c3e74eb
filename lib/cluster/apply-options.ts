import type { Emit } from "../events.ts";
import type { MemberOptions } from "./apply-members.ts";
import type { MoveOptions, MoveReport } from "./move/types.ts";

export interface ApplyOptions {
  readonly emit: Emit;
  /** Longest time for one wait, in milliseconds. @default 60000 */
  readonly timeoutMs?: number;
  /** When a wait starts to look for the reason, in milliseconds. @default 4000 */
  readonly diagnoseAfterMs?: number;
  readonly signal?: AbortSignal;
  /** How slots are moved. */
  readonly move?: Omit<MoveOptions, "emit" | "signal">;
  /** When shards were last failed over. @default no failover before */
  readonly failovers?: NonNullable<MemberOptions["failovers"]>;
  /** Told what each group of moves came to. */
  readonly onMoved?: (report: MoveReport) => void;
}
