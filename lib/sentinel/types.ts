import type { Finding } from "../base/finding.ts";
import type { ServerObservation, UnreachableInstance } from "../redis/server.ts";
import type { EngineInstance } from "../redis/types.ts";
import type { Version } from "../redis/version.ts";

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
  | UnreachableInstance
  | {
      readonly id: string;
      readonly reachable: true;
      readonly version: Version;
      /** Its 40 hexadecimal digits; the first 8 where nobody tells more (see `observe.ts`); empty where nobody tells anything yet. */
      readonly myId: string;
      readonly masters: readonly SentinelView[];
    };

export interface SentinelLayoutObservation {
  /** By instance id. */
  readonly servers: ReadonlyMap<string, ServerObservation>;
  readonly sentinels: ReadonlyMap<string, SentinelObservation>;
}

/** Something about a sentinel layout that is not as declared, or not healthy. Closed set. */
export type SentinelFinding = Finding<
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
  | "fenced"
  | "save-failed"
>;

/** The actions of a sentinel plan by kind: one command each, or one wait. Every one can be carried out again. Passwords are not in it: the applier has them. */
interface SentinelActions {
  /** Refused by the applier when the instance is by then a master with keys. */
  readonly replicate: { readonly instance: string; readonly master: string };
  /** A sentinel that watches another address under this name forgets it first. */
  readonly monitor: { readonly sentinel: string; readonly name: string; readonly master: string; readonly quorum: number };
  readonly set: { readonly sentinel: string; readonly name: string; readonly option: SentinelOption; readonly value: number };
  readonly "await-formed": { readonly name: string };
  /** Takes back the fence that an interrupted planned failover left. */
  readonly "lift-fence": { readonly instance: string; readonly minReplicas: number };
}

/** The action of a kind. */
export type SentinelActionOf<Kind extends keyof SentinelActions> = { [K in Kind]: { readonly kind: K } & SentinelActions[K] }[Kind];

/** One command of a sentinel plan, or one wait. */
export type SentinelAction = SentinelActionOf<keyof SentinelActions>;

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
