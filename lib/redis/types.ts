import type { Duplex } from "node:stream";
import type { RedisReplyError } from "./reply-error.ts";

/** A reply, decoded: status and bulk strings are both strings (UTF-8). Error replies are thrown as `RedisReplyError`. */
export type Reply = string | number | null | readonly Reply[];

/** A reply with the type that the server gave it, for the `cli` verb: an error is a value here. */
export type TypedReply =
  | { readonly type: "status"; readonly value: string }
  | { readonly type: "error"; readonly value: string }
  | { readonly type: "integer"; readonly value: number | bigint }
  | { readonly type: "bulk"; readonly value: Buffer | null }
  | { readonly type: "array"; readonly value: readonly TypedReply[] | null };

/** A reply of a batch: bulk strings are bytes, as keys and values need not be text, and an error reply is a value. */
export type BatchReply = Buffer | string | number | null | RedisReplyError | readonly BatchReply[];

export type Argument = string | number | Buffer;

/** Opens a TCP stream to an instance; handed in, so that the client knows nothing of SSH. */
export type Dial = (address: string, port: number) => Promise<Duplex>;

export interface CallOptions {
  /** @default the client's own time-out */
  readonly timeoutMs?: number | undefined;
  /** How long the server may work on it without a word after an interruption, in milliseconds beyond the patience that every answer has (base/patience.ts): a MIGRATE of a large key. @default 0 */
  readonly worksMs?: number | undefined;
}

/** One authenticated connection to one instance. Calls may overlap: they are pipelined in order. */
export interface RedisClient {
  /** `ADDRESS:PORT`. */
  readonly address: string;
  /** True once the connection has ended, by either side: the owner opens another one. */
  readonly closed: boolean;
  /** How others get into this instance (MIGRATE … AUTH); undefined where it asks for no password. Never to be shown. */
  readonly credentials: Credentials | undefined;
  /** @throws RedisReplyError for an error reply; LabError `redis.*` when the connection fails or the time is over. */
  call(command: readonly Argument[], options?: CallOptions): Promise<Reply>;
  callTyped(command: readonly Argument[], options?: CallOptions): Promise<TypedReply>;
  /** Several calls at once, replies in their order; the time-out is the longest silence of the server. @throws LabError `redis.*` when the connection fails or the time is over */
  callAll(commands: readonly (readonly Argument[])[], options?: CallOptions): Promise<readonly BatchReply[]>;
  close(): void;
}

/** What a server wants to hear before it lets anybody in. */
export interface Credentials {
  /** ACL user, known from Redis 6.0 on. @default the server's default user */
  readonly user?: string;
  readonly password: string;
}

/** One line of CLUSTER NODES. */
export interface ClusterNode {
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly busPort: number;
  readonly flags: ReadonlySet<string>;
  readonly myself: boolean;
  readonly role: "master" | "replica" | "unknown";
  /** Node id of its master; undefined for a master. */
  readonly masterId: string | undefined;
  readonly configEpoch: number;
  readonly linkState: "connected" | "disconnected";
  /** Since when it owes an answer to a ping, in milliseconds since the epoch by the clock of the node that says so; undefined where none is awaited. */
  readonly silentSince?: number;
  /** Inclusive slot ranges, ascending. */
  readonly slots: readonly SlotRange[];
  /** Open slots of `myself`: slot → node id at the other end. */
  readonly migrating: ReadonlyMap<number, string>;
  readonly importing: ReadonlyMap<number, string>;
}

/** Inclusive. */
export interface SlotRange {
  readonly first: number;
  readonly last: number;
}

/** How the engines reach instances, by instance id (`HOST:PORT`). The operations hand it in; the engines cache nothing of it. */
export interface InstanceAccess {
  /** The shared, authenticated client of an instance; rejects with LabError when it can't be reached. */
  client(instanceId: string): Promise<RedisClient>;
  /** A connection for the caller alone, who closes it: for work behind which nothing else should wait. */
  connect(instanceId: string): Promise<RedisClient>;
  /** An authenticated stream from which nothing was read yet, for the caller alone, who destroys it: for replication, which is not an exchange of questions and replies. */
  stream(instanceId: string): Promise<Duplex>;
  /** Whether `address:port` can be reached from the host of an instance. */
  probe(fromInstanceId: string, address: string, port: number): Promise<"open" | "refused" | "timeout" | "unreachable" | "forbidden">;
}

/** An instance as an engine needs it. `PlacedInstance` fits. */
export interface EngineInstance {
  readonly id: string;
  readonly host: string;
  readonly address: string;
  readonly port: number;
}
