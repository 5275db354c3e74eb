import type { DeclaredRole } from "../lab/instances.ts";
import type { ClusterNode, EngineInstance, SlotRange } from "../redis/types.ts";

/** An instance with its declared place in the cluster; one that nobody declared was found in it. */
export interface ClusterMember extends EngineInstance {
  readonly role: Extract<DeclaredRole, { kind: "cluster-master" | "cluster-replica" | "standby" }> | { readonly kind: "discovered" };
}

/** What one instance says, at one moment. */
export type NodeObservation =
  | { readonly id: string; readonly reachable: false; readonly error: string }
  | {
      readonly id: string;
      readonly reachable: true;
      readonly nodeId: string;
      readonly version: string;
      readonly clusterEnabled: boolean;
      readonly role: "master" | "replica";
      readonly loading: boolean;
      /** `up` where it is a replica whose link to its master works; undefined on a master. */
      readonly masterLink: "up" | "down" | undefined;
      readonly clusterState: "ok" | "fail";
      readonly currentEpoch: number;
      readonly myEpoch: number;
      /** Number of nodes it knows, itself included. */
      readonly knownNodes: number;
      /** Keys in database 0. */
      readonly keys: number;
      /** CLUSTER NODES as it sees it. */
      readonly view: readonly ClusterNode[];
    };

export interface ClusterObservation {
  /** By instance id, in the order of the members. */
  readonly nodes: ReadonlyMap<string, NodeObservation>;
}

/** Something that is not as declared, or not healthy. Closed set. */
export interface ClusterFinding {
  readonly code:
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
    | "state-fail";
  readonly severity: "refuses" | "problem" | "note";
  readonly instance: string | undefined;
  readonly text: string;
  readonly next?: string;
}

/** One command of a cluster plan, or one wait. Every action can be run again. Instances by id. */
export type ClusterAction =
  | { readonly kind: "set-config-epoch"; readonly instance: string; readonly epoch: number }
  | { readonly kind: "add-slots"; readonly instance: string; readonly slots: readonly SlotRange[] }
  | { readonly kind: "forget"; readonly instance: string; readonly nodeId: string }
  | { readonly kind: "meet"; readonly seed: string; readonly instance: string }
  | { readonly kind: "await-joined"; readonly instances: readonly string[] }
  | { readonly kind: "replicate"; readonly instance: string; readonly master: string }
  | { readonly kind: "await-formed"; readonly instances: readonly string[] }
  | MemberAction
  | SlotAction;

/** What is done to nodes of a formed cluster. */
export type MemberAction =
  /** All of them within a minute: whoever has forgotten a node hears of it again from those who have not (NODES_BLACKLIST_TTL in cluster.c of 4.0.14). */
  | { readonly kind: "forget-node"; readonly leaving: string; readonly nodeId: string; readonly by: readonly string[] }
  /** Makes it an empty node with a new id that knows nobody. */
  | { readonly kind: "reset"; readonly instance: string }
  /** Hands a shard to a replica that is in step, without losing an acknowledged write. */
  | { readonly kind: "fail-over"; readonly master: string; readonly to: string }
  /** Makes a replica the master without the master (`force`), or without anybody's vote (`takeover`). Writes that it did not get are lost. */
  | { readonly kind: "take-over"; readonly instance: string; readonly how: "force" | "takeover" }
  | { readonly kind: "set-node-timeout"; readonly instance: string; readonly ms: number };

/** What is done to slots. */
export type SlotAction =
  /** Slots with their keys, from one master to another. Neighbours in a plan travel side by side. */
  | { readonly kind: "move-slots"; readonly source: string; readonly target: string; readonly slots: readonly SlotRange[] }
  /** Makes a master the owner of slots that nobody has, or to which it has the best claim: its config epoch is raised above all others. */
  | { readonly kind: "claim-slots"; readonly instance: string; readonly slots: readonly SlotRange[] }
  /** Takes slots from who is not to have them, so that its keys in them are kept until they are gathered. */
  | { readonly kind: "disown-slots"; readonly instance: string; readonly owner: string; readonly slots: readonly SlotRange[] }
  /** Brings keys that lie at who does not own their slot to who does. The owner's value is kept where there are two. */
  | { readonly kind: "gather-keys"; readonly slot: number; readonly source: string; readonly target: string }
  /** Closes open slots (SETSLOT STABLE), and says who owns them. */
  | { readonly kind: "close-slots"; readonly instance: string; readonly owner: string; readonly slots: readonly SlotRange[] };

/** What an action is for. Closed set. */
export type ChangeReason =
  | "create"
  | "continue"
  | "join"
  | "fix"
  | "reshard"
  | "rebalance"
  | "grow"
  | "drain"
  | "add-node"
  | "del-node"
  | "replace-node"
  | "replicate"
  | "failover"
  | "failback"
  | "reset"
  | "set-timeout";

export interface ClusterPlan {
  readonly actions: readonly {
    readonly action: ClusterAction;
    readonly reason: ChangeReason;
    readonly summary: string;
  }[];
  /** Findings that stop the plan (severity `refuses`) or accompany it. */
  readonly findings: readonly ClusterFinding[];
}
