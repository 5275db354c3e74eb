import type { EngineInstance } from "../redis/types.ts";

/** One watched master with its declared instances and the sentinels that watch it. Times in milliseconds. */
export interface WatchedMaster {
  readonly name: string;
  /** The master at creation; a failover may have moved the role since. */
  readonly master: EngineInstance;
  readonly replicas: readonly EngineInstance[];
  readonly quorum: number;
  readonly downAfterMs: number;
  readonly parallelSyncs: number;
  readonly failoverTimeoutMs: number;
}

export interface SentinelWanted {
  readonly masters: readonly WatchedMaster[];
  readonly sentinels: readonly EngineInstance[];
}

/** What a redis-server of the layout says. */
export type ServerObservation =
  | { readonly id: string; readonly reachable: false; readonly error: string }
  | {
      readonly id: string;
      readonly reachable: true;
      readonly version: string;
      readonly role: "master" | "replica";
      readonly masterAddress: string | undefined;
      readonly masterPort: number | undefined;
      readonly masterLink: "up" | "down" | undefined;
      /** A full synchronisation from its master is under way. */
      readonly syncing: boolean;
      readonly loading: boolean;
      /** Replication offset in bytes: written so far on a master, processed so far on a replica. */
      readonly offset: number;
      readonly connectedReplicas: number;
      /** Keys in all databases; 0 while loading. */
      readonly keys: number;
      /** Writes are fenced off by a planned failover that was interrupted: the number of replicas that the server asked for before. */
      readonly fencedFrom: number | undefined;
      /** Replicas that it asks for before it takes a write (min-replicas-to-write), as it was before a fence. */
      readonly minReplicas: number;
    };

/** A replica as one sentinel sees it; up to ten seconds old, the period of INFO in sentinel.c. */
export interface SeenReplica {
  readonly address: string;
  readonly port: number;
  readonly flags: ReadonlySet<string>;
  /** Its link to its master. */
  readonly link: "up" | "down";
  /** `ADDRESS:PORT` that it replicates; undefined while the sentinel does not know. */
  readonly follows: string | undefined;
}

/** One master as one sentinel sees it. */
export interface SentinelView {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly flags: ReadonlySet<string>;
  readonly quorum: number;
  readonly downAfterMs: number;
  readonly parallelSyncs: number;
  readonly failoverTimeoutMs: number;
  readonly configEpoch: number;
  readonly replicas: readonly SeenReplica[];
  readonly otherSentinels: readonly {
    readonly address: string;
    /** 0 where the sentinel knows that the address is no longer right. */
    readonly port: number;
    readonly runId: string;
    readonly flags: ReadonlySet<string>;
  }[];
  /** The answer of SENTINEL CKQUORUM. */
  readonly quorumOk: boolean;
  readonly quorumText: string;
}

export type SentinelObservation =
  | { readonly id: string; readonly reachable: false; readonly error: string }
  | {
      readonly id: string;
      readonly reachable: true;
      readonly version: string;
      /** Its 40 hexadecimal digits; the first 8 where nobody tells more (see `observe.ts`); empty where nobody tells anything yet. */
      readonly myId: string;
      readonly masters: readonly SentinelView[];
    };

export interface SentinelLayoutObservation {
  /** By instance id. */
  readonly servers: ReadonlyMap<string, ServerObservation>;
  readonly sentinels: ReadonlyMap<string, SentinelObservation>;
}

export interface SentinelFinding {
  readonly code:
    | "unreachable"
    | "foreign-master"
    | "has-data"
    | "masters-disagree"
    | "no-master"
    | "two-masters"
    | "replica-missing"
    | "replica-link-down"
    | "sentinel-missing"
    | "same-sentinel-id"
    | "not-watched"
    | "watched-in-excess"
    | "quorum-not-reached"
    | "ghost-sentinel"
    | "ghost-replica"
    | "setting-differs"
    | "fenced";
  readonly severity: "refuses" | "problem" | "note";
  readonly instance: string | undefined;
  readonly text: string;
  readonly next?: string;
}

/** One command of a sentinel plan, or one wait. Every action can be run again. Passwords are not in it: the applier has them. */
export type SentinelAction =
  /** Refused by the applier when the instance is by then a master with keys. */
  | { readonly kind: "replicate"; readonly instance: string; readonly master: string }
  /** A sentinel that watches another address under this name forgets it first. */
  | { readonly kind: "monitor"; readonly sentinel: string; readonly name: string; readonly master: string; readonly quorum: number }
  | {
      readonly kind: "set";
      readonly sentinel: string;
      readonly name: string;
      readonly option: SentinelOption;
      readonly value: number;
    }
  | { readonly kind: "await-formed"; readonly name: string }
  /** Takes back the fence that an interrupted planned failover left. */
  | { readonly kind: "lift-fence"; readonly instance: string; readonly minReplicas: number };

export type SentinelOption = "quorum" | "down-after-milliseconds" | "parallel-syncs" | "failover-timeout";

export interface PlannedSentinelAction {
  readonly action: SentinelAction;
  readonly reason: "create" | "continue" | "join" | "setting";
  readonly summary: string;
}

export interface SentinelPlan {
  readonly actions: readonly PlannedSentinelAction[];
  /** Findings that stop the plan (severity `refuses`, then it has no actions) or accompany it. */
  readonly findings: readonly SentinelFinding[];
}
