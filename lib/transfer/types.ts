import type { Emit } from "../base/events.ts";
import type { ClusterMember } from "../cluster/model/types.ts";
import type { Throttle } from "../cluster/move/types.ts";
import type { RedisClient } from "../redis/types.ts";

/** What became of a key of the source. Closed set. */
export type KeyOutcome =
  /** The cluster has it; in a move the source no longer has. */
  | { readonly kind: "imported" }
  /** The cluster had it already, with this value and this rest of its life; in a move the source no longer has it. */
  | { readonly kind: "same" }
  /** It was deleted, or its life ended, before it was read. */
  | { readonly kind: "gone" }
  /** The cluster has another value, or another rest of its life, or the source has it in two databases: left where it is, on both sides. */
  | { readonly kind: "conflict"; readonly why: string }
  /** One of the servers does not take or give this value: left at the source. */
  | { readonly kind: "refused"; readonly why: string }
  /** It changed at the source each time that it was moved: the cluster has an earlier value, the source keeps the present one. */
  | { readonly kind: "changed"; readonly why: string };

/** One key that was dealt with. */
export interface ImportedKey {
  readonly key: Buffer;
  /** Of the source. */
  readonly database: number;
  /** Master of its slot; undefined where it did not come to that. */
  readonly target: ClusterMember | undefined;
  readonly outcome: KeyOutcome;
}

export interface ImportOptions {
  readonly emit: Emit;
  /** The keys in flight arrive, and no further ones are read. */
  readonly signal?: AbortSignal | undefined;
  /** `move` deletes a key at the source once the cluster has it, if it has not changed meanwhile. */
  readonly mode: "copy" | "move";
  /** A key that the cluster has with another value: kept on both sides and reported, or overwritten. @default "keep" */
  readonly conflict?: "keep" | "replace" | undefined;
  /**
   * Databases of the source that are merged into database 0, the only one of a cluster. A key that is in several of them is a conflict, whatever `conflict` says. The
   * others are reported with the number of their keys. @default [0]
   */
  readonly databases?: "all" | readonly number[] | undefined;
  /** What to do with a source that is a node of another cluster: refuse it, or take the keys of this node alone. @default "refuse" */
  readonly clusterSource?: "refuse" | "this-node" | undefined;
  /** Most keys on their way together. @default 512 */
  readonly batchKeys?: number;
  /** Most bytes on their way together; a larger value travels alone. @default 1 MiB */
  readonly batchBytes?: number;
  /** Keys and bytes are counted as they are sent. */
  readonly throttle?: Throttle | undefined;
  /** One more connection to the source, for the import alone: what a PING to the source takes counts for `throttle.maxLatencyMs` then. */
  readonly sourceProbe?: RedisClient | undefined;
  /** Longest wait for a shard to have a master that takes keys, in milliseconds. @default 60000 */
  readonly recoveryMs?: number | undefined;
  readonly onKey?: (key: ImportedKey) => void;
}

export interface ImportReport {
  /** Keys by what became of them. */
  readonly counts: Readonly<Record<KeyOutcome["kind"], number>>;
  /** How many of the imported and same ones have an end of their life. */
  readonly mortal: number;
  /** Bytes on their way, of the imported ones. */
  readonly bytes: number;
  /** How long it took. */
  readonly seconds: number;
  /** Keys that are not in the cluster as they are at the source: the first hundred. */
  readonly left: readonly ImportedKey[];
  /** Databases of the source with keys, as they were at the beginning. */
  readonly databases: readonly SourceDatabase[];
}

export interface SourceDatabase {
  readonly database: number;
  readonly keys: number;
  /** False for one that was not asked for. */
  readonly imported: boolean;
}
