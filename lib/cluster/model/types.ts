import type { Finding } from "../../base/finding.ts";
import type { DeclaredRole } from "../../lab/instances.ts";
import type { ServerHealth } from "../../redis/health.ts";
import type { UnreachableInstance } from "../../redis/server.ts";
import type { ClusterNode, EngineInstance } from "../../redis/types.ts";
import type { Version } from "../../redis/version.ts";
import type { ClusterAction } from "./actions/index.ts";

export type { ClusterAction, ClusterActionKind, ClusterActionOf, MemberAction, SlotAction } from "./actions/index.ts";

/** An instance with its declared place in the cluster; one that nobody declared was found in it. */
export interface ClusterMember extends EngineInstance {
  readonly role: Extract<DeclaredRole, { kind: "cluster-master" | "cluster-replica" | "standby" }> | { readonly kind: "discovered" };
}

/** What one instance says, at one moment. */
export type NodeObservation =
  | UnreachableInstance
  | {
      readonly id: string;
      readonly reachable: true;
      readonly nodeId: string;
      readonly version: Version;
      readonly clusterEnabled: boolean;
      readonly role: "master" | "replica";
      readonly loading: boolean;
      /** `up` where it is a replica whose link to its master works; undefined on a master. */
      readonly masterLink: "up" | "down" | undefined;
      /** How much of the stream of its shard it has, in bytes; a replica counts as its master does (replication.c from 4.0 on). */
      readonly offset: number;
      /** Names the stream of writes that it sends or follows, 40 hexadecimal digits (master_replid, from 4.0 on): offsets of two streams can't be compared. */
      readonly streamId: string;
      readonly clusterState: "ok" | "fail";
      readonly currentEpoch: number;
      readonly myEpoch: number;
      /** Number of nodes it knows, itself included. */
      readonly knownNodes: number;
      /** Keys in database 0. */
      readonly keys: number;
      /** CLUSTER NODES as it sees it. */
      readonly view: readonly ClusterNode[];
      /** Of its saves and links. */
      readonly health?: ServerHealth;
    };

export interface ClusterObservation {
  /** By instance id, in the order of the members. */
  readonly nodes: ReadonlyMap<string, NodeObservation>;
}

/** Something that is not as declared, or not healthy. Closed set. */
export type ClusterFinding = Finding<
  | "unreachable"
  | "not-cluster-enabled"
  | "foreign-cluster"
  | "has-data"
  | "not-joined"
  | "views-disagree"
  | "uncovered-slots"
  | "open-slot"
  | "replica-missing"
  | "replica-link-down"
  | "wrong-announce"
  | "extra-member"
  | "unjoined-expected"
  | "empty-master"
  | "state-fail"
  | "master-alone"
  | "save-failed"
  | "resyncing"
  | "corrupt-journal"
>;

/** What an action is for. Closed set. */
export const CLUSTER_CHANGE_REASONS = [
  "create",
  "continue",
  "join",
  "fix",
  "reshard",
  "rebalance",
  "grow",
  "drain",
  "add-node",
  "del-node",
  "replace-node",
  "replicate",
  "failover",
  "failback",
  "reset",
  "set-timeout",
] as const;
export type ClusterChangeReason = (typeof CLUSTER_CHANGE_REASONS)[number];

export interface ClusterPlan {
  readonly actions: readonly {
    readonly action: ClusterAction;
    readonly reason: ClusterChangeReason;
    readonly summary: string;
  }[];
  /** Findings that stop the plan (severity `refuses`) or accompany it. */
  readonly findings: readonly ClusterFinding[];
}
