import type { Emit } from "../../base/events.ts";
import type { InstanceAccess } from "../../redis/types.ts";
import type { ClusterActionKind, ClusterActionOf, ClusterMember } from "../model/types.ts";
import type { MoveOptions, MoveReport } from "../move/types.ts";

export interface ClusterApplyOptions {
  readonly emit: Emit;
  /** Longest time for one action on nodes, or for a wait for all of them without a step forward, in milliseconds. @default 60000 */
  readonly timeoutMs?: number | undefined;
  /** When a wait starts to look for the reason, in milliseconds. @default 4000 */
  readonly diagnoseAfterMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** How slots are moved. */
  readonly move?: Omit<MoveOptions, "emit" | "signal">;
  /** When shards were last failed over, so that planned failovers of one keep their distance. @default no failover before */
  readonly failovers?: {
    lastOf(instance: string): number | undefined;
    record(instances: readonly string[]): Promise<void>;
  };
  /** Called with what each group of moves came to. */
  readonly onMoved?: (report: MoveReport) => void;
}

/** What an applier may use. */
export interface ClusterApplyContext {
  readonly members: readonly ClusterMember[];
  readonly access: InstanceAccess;
  readonly options: ClusterApplyOptions;
}

/** Carries out the actions of one kind, each of which may be given again. @returns true where it changed something */
export type ClusterApplier<Kind extends ClusterActionKind> = (
  action: ClusterActionOf<Kind>,
  context: ClusterApplyContext,
) => Promise<boolean>;

/** One for each of the kinds: a kind without one does not compile. */
export type ClusterAppliers<Kinds extends ClusterActionKind> = { readonly [Kind in Kinds]: ClusterApplier<Kind> };
