import { isLabError } from "../base/error.ts";
import type { Emit } from "../base/events.ts";
import { minReplicasToWrite, readServerInfo, rewriteConfig } from "./commands.ts";
import { fencedFrom } from "./fence.ts";
import { healthOf, type ServerHealth } from "./health.ts";
import { RedisReplyError, reasonUnreachable } from "./reply-error.ts";
import type { EngineInstance, RedisClient } from "./types.ts";
import type { Version } from "./version.ts";

// One redis-server outside of a cluster: what it says of its role and its data.

/** An instance that did not answer, with the reason. */
export interface UnreachableInstance {
  readonly id: string;
  readonly reachable: false;
  readonly error: string;
  /** The host refused the connection, as nothing listens there: the instance is down. Undefined where something else keeps it from being asked. */
  readonly nothingListens?: true;
  /** What to do, where to start it is no remedy: something else answers at its address. */
  readonly next?: string;
}

/**
 * What an error that ended an attempt to ask an instance says of it. A fault of this computer says nothing of it.
 *
 * @throws LabError `connection.open-files`; what says nothing of the instance: a defect
 */
export function unanswered(id: string, error: unknown): UnreachableInstance {
  const codes = causesOf(error).flatMap((cause) => (isLabError(cause) ? [cause.code] : []));
  const refused = isLabError(error) && error.kind === "refused" ? error : undefined;
  if (codes.includes("connection.open-files")) throw error;
  return {
    id,
    reachable: false,
    error: reasonUnreachable(error),
    ...(codes.includes("connection.dial-refused") && { nothingListens: true }),
    ...(refused !== undefined && { next: refused.next }),
  };
}

function causesOf(error: unknown): readonly unknown[] {
  return error instanceof Error ? [error, ...causesOf(error.cause)] : [];
}

/** What a redis-server says of itself. */
export interface ReachableServer {
  readonly id: string;
  readonly reachable: true;
  readonly version: Version;
  readonly role: "master" | "replica";
  readonly masterAddress: string | undefined;
  readonly masterPort: number | undefined;
  readonly masterLink: "up" | "down" | undefined;
  /** A full synchronisation from its master is under way. */
  readonly syncing: boolean;
  readonly loading: boolean;
  /** Replication offset in bytes: written so far on a master, processed so far on a replica. */
  readonly offset: number;
  /** Names the stream of writes that it sends or follows, 40 hexadecimal digits (master_replid, from 4.0 on). */
  readonly streamId: string;
  /** The stream that it followed before it became a master; undefined where it followed none since its start. */
  readonly formerStreamId: string | undefined;
  readonly connectedReplicas: number;
  /** Keys in all databases; 0 while loading. */
  readonly keys: number;
  /** Writes are fenced off by a planned failover that was interrupted: the number of replicas that the server asked for before. */
  readonly fencedFrom: number | undefined;
  /** Replicas that it asks for before it takes a write (min-replicas-to-write), as it was before a fence. */
  readonly minReplicas: number;
  /** Of its saves and links. */
  readonly health?: ServerHealth;
}

export type ServerObservation = UnreachableInstance | ReachableServer;

/** What INFO says instead of a stream that there is none of (CONFIG_RUN_ID_SIZE zeros in replication.c). */
const NO_STREAM = /^0*$/;

/** One server alone. @throws what the client throws */
export async function observeServer({ id }: Pick<EngineInstance, "id">, client: RedisClient): Promise<ReachableServer> {
  // A server that hides CONFIG was not fenced by us.
  const [info, minReplicas] = await Promise.all([readServerInfo(client), orOnReplyError(minReplicasToWrite(client), 0)]);
  const former = info.raw["master_replid2"] ?? "";
  return {
    id,
    reachable: true,
    version: info.version,
    role: info.role,
    masterAddress: info.masterHost,
    masterPort: info.masterPort,
    masterLink: info.masterLink,
    syncing: info.syncing,
    loading: info.loading,
    offset: info.offset,
    streamId: info.raw["master_replid"] ?? "",
    formerStreamId: NO_STREAM.test(former) ? undefined : former,
    connectedReplicas: info.replicas.length,
    keys: info.loading ? 0 : info.keys,
    fencedFrom: fencedFrom(minReplicas),
    minReplicas: fencedFrom(minReplicas) ?? minReplicas,
    health: healthOf(info.raw),
  };
}

/** What `observe` finds; an instance that does not answer is part of what was seen. @throws what says nothing of the instance */
export async function observed<T>({ id }: Pick<EngineInstance, "id">, observe: () => Promise<T>): Promise<T | UnreachableInstance> {
  try {
    return await observe();
  } catch (error) {
    return unanswered(id, error);
  }
}

export async function orOnReplyError<T, U>(call: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof RedisReplyError) return otherwise;
    throw error;
  }
}

/** Writes the role into the file. A failure is reported and not thrown: the role itself is set, and a second run would not find it missing. */
export async function persistRole(client: RedisClient, instance: string, emit: Emit): Promise<void> {
  try {
    await rewriteConfig(client);
  } catch (error) {
    if (!(error instanceof RedisReplyError)) throw error;
    emit({
      type: "notice",
      level: "warning",
      text: `${instance} could not write its new role to its configuration (${error.message}); it comes back in the old one after a restart.`,
    });
  }
}

/** The server that listens there, if it is one of these. */
export function serverAt(
  servers: readonly EngineInstance[],
  address: string | undefined,
  port: number | undefined,
): EngineInstance | undefined {
  return servers.find((server) => server.address === address && server.port === port);
}

export function addressOf(instance: Pick<EngineInstance, "address" | "port">): string {
  return `${instance.address}:${instance.port}`;
}
