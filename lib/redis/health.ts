import { plural } from "../base/text.ts";

/** What INFO of a redis-server says of its saves and of its links. Times in seconds. */
export interface ServerHealth {
  /** The last save of the whole data set failed (rdb_last_bgsave_status). */
  readonly saveFailed: boolean;
  /** The last write to the append-only file, or the last rewrite of it, failed (aof_last_write_status, aof_last_bgrewrite_status). */
  readonly appendFailed: boolean;
  /** Full synchronisations that it gave as a master since its start, and how long ago that was. */
  readonly fullSyncs: number;
  readonly uptimeSeconds: number;
  /** Of a replica: since when it has no link; undefined where it has one, and on a master. */
  readonly linkDownSeconds: number | undefined;
  /** Of a replica with a link: how long it has heard nothing from its master, which speaks every ten seconds at least. */
  readonly unheardSeconds: number | undefined;
  /** A full synchronisation from its master is under way. */
  readonly syncing: boolean;
}

/** Reads INFO (genRedisInfoString in server.c). */
export function healthOf(info: Readonly<Record<string, string>>): ServerHealth {
  const replica = info["role"] === "slave";
  const linked = info["master_link_status"] === "up";
  const uptime = Number(info["uptime_in_seconds"] ?? 0);
  // A replica that has not had a link since its start counts from 1970 (repl_down_since is 0 then).
  const seconds = (key: string) => (info[key] === undefined || Number(info[key]) < 0 ? undefined : Math.min(Number(info[key]), uptime));
  return {
    saveFailed: info["rdb_last_bgsave_status"] === "err",
    appendFailed: info["aof_enabled"] === "1" && [info["aof_last_write_status"], info["aof_last_bgrewrite_status"]].includes("err"),
    fullSyncs: Number(info["sync_full"] ?? 0),
    uptimeSeconds: uptime,
    linkDownSeconds: replica && !linked ? seconds("master_link_down_since_seconds") : undefined,
    unheardSeconds: replica && linked ? seconds("master_last_io_seconds_ago") : undefined,
    syncing: replica && info["master_sync_in_progress"] === "1",
  };
}

/** A server whose data would not outlive it, as a finding of any layout. */
export function saveFindings(id: string, health: ServerHealth | undefined): readonly SaveFinding[] {
  const failed = [
    ...(health?.saveFailed === true ? ["its last save (rdb_last_bgsave_status:err)"] : []),
    ...(health?.appendFailed === true ? ["the last write of its append-only file"] : []),
  ];
  if (failed.length === 0) return [];
  return [
    {
      code: "save-failed",
      severity: "problem",
      instance: id,
      text: `${id} can't keep its data: ${failed.join(" and ")} failed.`,
      next: `Its log says why, most often a full disk or a folder that it may not write to: \`redis-lab logs LAB ${id}\`. \`redis-lab cli LAB ${id} bgsave\` saves again.`,
    },
  ];
}

interface SaveFinding {
  readonly code: "save-failed";
  readonly severity: "problem";
  readonly instance: string;
  readonly text: string;
  readonly next: string;
}

/** How many full synchronisations for each replica are more than restarts explain, while one of them is not in step. */
const SYNCS_FOR_EACH = 4;
/** And while all are in step: a server counts from its own start, so what it gave to labs that were made and reset on it counts as well. */
const SYNCS_IN_STEP = 16;
/** How often they come at least, in seconds. */
const SYNC_PERIOD = 600;

/**
 * Whether a master sends all of its data again and again: its replicas lose their link before they are in step.
 *
 * @param replicas those that follow it, and whether each is in step now
 */
export function resyncs(health: ServerHealth | undefined, replicas: readonly { readonly inStep: boolean }[]): boolean {
  if (health === undefined) return false;
  const forEach = replicas.every(({ inStep }) => inStep) ? SYNCS_IN_STEP : SYNCS_FOR_EACH;
  return health.fullSyncs > forEach * Math.max(1, replicas.length) && health.fullSyncs * SYNC_PERIOD > health.uptimeSeconds;
}

/** What is said of such a master. */
export function resyncText({ fullSyncs, uptimeSeconds }: ServerHealth): string {
  return `has sent all of its data ${plural(fullSyncs, "time")} in ${uptimeSeconds} s: a replica that loses its link before it is in step begins again, most often as client-output-buffer-limit or repl-timeout is too low for the data`;
}

/** A master speaks every ten seconds (repl-ping-slave-period): a replica that has a link and heard nothing for longer has lost it without knowing. */
export const UNHEARD_SECONDS = 12;

/** How far a replica is behind. */
export interface ReplicaLink {
  readonly state: "up" | "down";
  /** Bytes that its master has written and it has not; undefined where that is not known. */
  readonly lagBytes: number | undefined;
  /** Seconds since it heard of its master, or since it has no link. */
  readonly seconds: number | undefined;
  readonly syncing: boolean;
}

interface InStream {
  readonly offset: number;
  readonly streamId: string;
}

/** @param master what its master says of itself; undefined where it does not answer */
export function linkOf(
  replica: InStream & { readonly masterLink: "up" | "down" | undefined; readonly health?: ServerHealth },
  master: InStream | undefined,
): ReplicaLink | undefined {
  if (replica.masterLink === undefined) return undefined;
  // Both were asked at about the same time: a replica that was asked later may seem to be ahead.
  const lag = master?.streamId === replica.streamId ? Math.max(0, master.offset - replica.offset) : undefined;
  return {
    state: replica.masterLink,
    lagBytes: lag,
    seconds: replica.masterLink === "up" ? replica.health?.unheardSeconds : replica.health?.linkDownSeconds,
    syncing: replica.health?.syncing === true,
  };
}
