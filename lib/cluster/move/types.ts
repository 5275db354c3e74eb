import type { Emit } from "../../base/events.ts";
import type { RedisClient, SlotRange } from "../../redis/types.ts";
import type { ClusterMember } from "../model/types.ts";

/** Slots that go from one master to another; both by instance id. */
export interface SlotMove {
  readonly source: string;
  readonly target: string;
  readonly slots: readonly SlotRange[];
}

/** One slot that has arrived. */
export interface MovedSlot {
  readonly slot: number;
  readonly source: string;
  readonly target: string;
  readonly keys: number;
  /** What its keys took at the source (MEMORY USAGE), in bytes. */
  readonly bytes: number;
}

/** A value of which there were two, and that is not kept. */
export interface Quarantined {
  readonly slot: number;
  readonly key: Buffer;
  /** Where it was. */
  readonly instance: string;
  /** As DUMP gives it; RESTORE takes it. */
  readonly dump: Buffer;
  /** Rest of its life in milliseconds; undefined without an end. */
  readonly ttlMs: number | undefined;
}

/** Where values go that are not kept. Resolves when they are on disk: only then they are replaced. */
export type Quarantine = (values: readonly Quarantined[]) => Promise<void>;

/** Called with slots that have arrived and are closed on the servers, and of the end of it all. */
export interface MoveLog {
  closed(slots: readonly number[]): Promise<void>;
  end(): Promise<void>;
}

/** How fast keys may travel. @default as fast as the servers take them */
export interface Throttle {
  readonly keysPerSecond?: number;
  readonly bytesPerSecond?: number;
  /** What a PING to source and target may take meanwhile, in milliseconds: batches shrink until it holds. */
  readonly maxLatencyMs?: number;
}

export interface MoveOptions {
  readonly emit: Emit;
  readonly signal?: AbortSignal | undefined;
  /** Longest time for one MIGRATE, in milliseconds; a large key gets more. @default 60000 */
  readonly timeoutMs?: number | undefined;
  /** Most keys in one MIGRATE. @default 512 */
  readonly pipeline?: number | undefined;
  /** Slots on their way at the same time, for each pair of source and target. @default 128 */
  readonly slotsAtOnce?: number | undefined;
  /**
   * A key that target and source have with different values: `stop` leaves both and ends the move; `keep-source` keeps that of the source, which is the slot's owner,
   * once the other one is in quarantine. @default stop
   */
  readonly conflict?: "stop" | "keep-source" | undefined;
  /** Needed for `keep-source`. */
  readonly quarantine?: Quarantine;
  readonly throttle?: Throttle | undefined;
  /** Begins the log of the move, before the first slot is opened. @default none: what is left open is found by a fix */
  readonly log?: (moves: readonly SlotMove[], shardMembers: ReadonlyMap<string, ReadonlySet<string>>) => Promise<MoveLog>;
  /** Slots that an earlier run opened: what is at the target belongs there. @default those that are open on the servers */
  readonly opened?: ReadonlySet<number>;
  /** Who may stand for the ends of the moves, as an earlier run knew it. @default those that replicate them now */
  readonly shardMembers?: ReadonlyMap<string, ReadonlySet<string>>;
  readonly onSlot?: (moved: MovedSlot) => void;
  /** Longest wait for a shard to have a master again when one fails in the middle, in milliseconds. @default 60000 */
  readonly recoveryMs?: number | undefined;
}

/** What a move came to. */
export interface MoveReport {
  readonly slots: number;
  readonly keys: number;
  /** What the keys took at their sources (MEMORY USAGE). */
  readonly bytes: number;
  /** How long it took. */
  readonly seconds: number;
  /** Values that went into quarantine. */
  readonly quarantined: number;
}

/** A master at one end of a move, with a connection for it alone. */
export interface MoveEnd {
  readonly member: ClusterMember;
  readonly nodeId: string;
  readonly client: RedisClient;
}

/** What became of a slot in one pass. */
export type SlotOutcome =
  | { readonly kind: "moved"; readonly keys: number; readonly bytes: number }
  /** A server is gone, loads, or is not a master any more: the slot is looked at again once the cluster stands. `halfSent`: keys may be at both ends now. */
  | { readonly kind: "interrupted"; readonly why: string; readonly halfSent: boolean }
  /** Nothing but a human can go on. `open` tells whether the slot was left open. */
  | { readonly kind: "refused"; readonly error: Error; readonly open: boolean };
