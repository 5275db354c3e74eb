import type { SlotRange } from "../../redis/types.ts";

/** How operations choose their keys. `hot`: all of a shard are about one key of it. */
export const KEY_SPREADS = ["uniform", "zipf", "hot"] as const;
export type KeySpread = (typeof KEY_SPREADS)[number];

/** What a load does. */
export interface LoadSettings {
  /** Operations a second that become due, over all shards, whatever the servers answer. */
  readonly rate: number;
  /** For how long operations become due, in milliseconds. @default until it is stopped */
  readonly forMs?: number | undefined;
  /** Writers of each shard: each has one operation under way, or `pipeline` of them. */
  readonly writers: number;
  readonly keys: KeySpread;
  /** How many keys there are to choose from, over all shards. */
  readonly keyCount: number;
  /** Bytes of a value; one that its number does not fill is filled up. */
  readonly size: number;
  /** Share of operations that read, from 0 to 1. */
  readonly reads: number;
  /** Operations that a writer has under way. */
  readonly pipeline: number;
  /** Seconds for which keys live. @default for ever */
  readonly ttl?: number | undefined;
  /** Replicas that are to have a write before it counts as acknowledged (WAIT). @default none is asked for */
  readonly wait?: number | undefined;
  /** Longest wait for an answer, and for being sent after being due, in milliseconds. */
  readonly timeoutMs: number;
  /** All that is chosen follows from it. */
  readonly seed: number;
}

export const DEFAULT_RATE = 1_000;
export const DEFAULT_KEY_COUNT = 300;
export const DEFAULT_SIZE = 16;
export const DEFAULT_READS = 0.2;
export const DEFAULT_TIMEOUT_MS = 1_000;
/** One writer does about so many operations a second when each takes up to ten milliseconds. */
const RATE_OF_A_WRITER = 100;

/** @param rateOfShard operations a second of one shard */
export function defaultWriters(rateOfShard: number): number {
  return Math.min(64, Math.max(4, Math.ceil(rateOfShard / RATE_OF_A_WRITER)));
}

/** Where an instance listens. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** How applications find the masters of a lab, and the shards that each have writers of their own. */
export type Traffic =
  | { readonly client: "cluster"; readonly nodes: readonly Endpoint[]; readonly shards: readonly ClusterShard[] }
  | {
      readonly client: "sentinel";
      readonly sentinels: readonly Endpoint[];
      /** The sentinels ask for the lab's password too; one that does not yet is spoken to without. */
      readonly sentinelPassword: boolean;
      readonly shards: readonly LoadShard[];
    }
  | { readonly client: "master"; readonly shards: readonly MasterShard[] };

export interface LoadShard {
  /** As history.ts names shards. */
  readonly name: string;
}

export interface ClusterShard extends LoadShard {
  readonly slots: readonly SlotRange[];
}

export interface MasterShard extends LoadShard {
  /** Who is the master when the load begins. */
  readonly master: Endpoint;
  /** Servers that the role may be handed over to: the client looks among them for the one that has it. @default none */
  readonly others?: readonly Endpoint[] | undefined;
}
