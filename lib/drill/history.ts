/**
 * What a drill or a load leaves on disk: a folder with `header.json`, `operations.jsonl`, `events.jsonl` and, when the run came to its end, `final.jsonl` and `report.json`. Times (`t`) are microseconds of
 * CLOCK_MONOTONIC of the computer that drives (`process.hrtime`), the same in all its processes; the header ties them to the calendar.
 */
export interface HistoryHeader {
  readonly format: 1;
  readonly lab: string;
  readonly target: string;
  readonly layout: string;
  /** Version of Redis, for example `4.0.14`. */
  readonly version: string;
  /** Name of the drill; undefined for a load on its own. */
  readonly drill?: string | undefined;
  /** Whole number from which every choice of the run follows. */
  readonly seed: number;
  /** ISO time, and the monotonic microseconds at that moment. */
  readonly startedAt: string;
  readonly startedAtMicros: number;
  readonly writers: readonly Writer[];
  /** What was asked for: load, settings of the lab that matter to the drill, options. Plain data, without secrets. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** One sequence of operations: it has one operation under way at a time unless pipelined, and its values count up from 1. */
export interface Writer {
  readonly id: number;
  /** Name of the shard: its first slot for a cluster (`slots 0-5460`), the name of the master for a sentinel layout, `master` for replication. */
  readonly shard: string;
}

/**
 * What operations do. `write` sets a key of its own (`KEY:SEQUENCE`) to its sequence number, so that each acknowledged write can be looked for; `register` overwrites one key with rising numbers; `count` is INCR;
 * `read` reads back an earlier `write`; `look` reads the register.
 */
export type OperationKind = "write" | "register" | "count" | "read" | "look";

/** A line of `operations.jsonl`. It is on disk before the command is sent (`invoke`), and before the outcome counts. Keys are short: there may be millions. */
export type OperationLine =
  | {
      readonly k: "invoke";
      readonly o: number;
      readonly t: number;
      readonly w: number;
      readonly op: OperationKind;
      readonly key: string;
      readonly v?: number;
      /** By how many microseconds it was sent after it was due; absent for none. Latency counts from the moment at which it was due. */
      readonly late?: number;
    }
  /** `v`: the value that was read (null: there is none), or that INCR gave. `node`: `ADDRESS:PORT` that answered, where the client says it: with the first answer of a writer, and when it is another one than before. */
  | { readonly k: "ok"; readonly o: number; readonly t: number; readonly v?: number | null; readonly node?: string }
  /** The server refused: it was not done. */
  | { readonly k: "fail"; readonly o: number; readonly t: number; readonly error: string; readonly node?: string }
  /** No answer came: it may have been done. */
  | { readonly k: "unknown"; readonly o: number; readonly t: number; readonly error: string; readonly node?: string }
  /**
   * A run of operations of one shard that were due and never sent, numbered from `o` on: each counts as failed. They have no other line and no keys. `w`: a writer of the shard; `op`: `write` for all that
   * would have changed something, `look` for all that would have read; `from`, `to`: when the first and the last one of the run was due.
   */
  | {
      readonly k: "unsent";
      readonly o: number;
      readonly n: number;
      readonly t: number;
      readonly w: number;
      readonly op: "write" | "look";
      readonly from: number;
      readonly to: number;
      readonly error: string;
    };

/** A line of `events.jsonl`: what was done to the lab, and what was seen of it. `t` is when it happened as nearly as is known, `error` by how many microseconds that may be off. */
export interface EventLine {
  readonly t: number;
  readonly error?: number;
  /** Who says so: the drill, a poll of CLUSTER NODES or INFO, a log line, a message of a sentinel. */
  readonly source: "drill" | "poll" | "log" | "sentinel";
  /** `HOST:PORT`, host, or undefined for the drill itself. */
  readonly node?: string;
  readonly what: EventKind;
  /** About which node it says so, where it is another one. */
  readonly about?: string;
  readonly text?: string;
  /** A number that belongs to it: the config epoch, the bytes of a resynchronisation, by how many milliseconds a clock jumped. */
  readonly value?: number;
}

export type EventKind =
  | "load-began"
  | "load-ended"
  | "fault"
  | "fault-undone"
  | "suspected"
  | "failed"
  | "suspicion-withdrawn"
  | "election"
  | "vote"
  | "promoted"
  | "demoted"
  | "epoch"
  | "cluster-down"
  | "cluster-up"
  | "process-gone"
  | "process-back"
  | "link-down"
  | "link-up"
  | "in-step"
  | "full-resync"
  | "partial-resync"
  | "tilt"
  | "agreed"
  | "settled"
  /** The clock of a host jumped against ours, by `value` milliseconds. */
  | "clock-jumped"
  /** The faults were enough: from here on the lab is brought into order. */
  | "recovery"
  | "interrupted"
  | "note";

/** A line of `final.jsonl`: what a key holds after all faults were undone and the lab was healthy again, read from its master. */
export interface FinalLine {
  readonly key: string;
  readonly v: number | null;
}

/** `state.json`: what the lab was once all faults were undone and it was waited for, asked of every instance and of the files on its host. */
export interface FinalState {
  readonly format: 1;
  /** Monotonic microseconds. */
  readonly t: number;
  /** What `status` says. */
  readonly healthy: boolean;
  /** Its findings that are problems, as sentences. */
  readonly problems: readonly string[];
  readonly instances: readonly FinalInstance[];
  /** Faults that are still in place, as sentences. */
  readonly faultsLeft: readonly string[];
}

export interface FinalInstance {
  /** `HOST:PORT`. */
  readonly instance: string;
  readonly role: "master" | "replica" | "standby" | "sentinel" | "unknown";
  readonly state: "up" | "down" | "silent" | "loading";
  /** Instance id of its master; empty for others. */
  readonly master: string;
  /** Slot ranges of a cluster master; empty elsewhere. */
  readonly slots: string;
  /** State of the link of a replica. */
  readonly link?: "up" | "down" | undefined;
  /** Bytes by which a replica is behind. */
  readonly lagBytes?: number | undefined;
  /** Config epoch of a cluster node. */
  readonly epoch?: number | undefined;
  /** What its own view of the layout amounts to: equal texts agree (slots and their owners; the master that a sentinel names). */
  readonly view?: string | undefined;
  /** The role in the file that it would start with; undefined where none could be read. */
  readonly fileRole?: "master" | "replica" | undefined;
  /** Instance id or address of the master in that file. */
  readonly fileMaster?: string | undefined;
}
