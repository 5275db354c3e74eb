import type { Finding } from "../../base/finding.ts";
import type { Traffic } from "../../drill/load/settings.ts";
import type { Lab } from "../../lab/schema.ts";
import type { OldMaster } from "../../redis/bar-reading.ts";
import type { ReplicaLink } from "../../redis/health.ts";
import type { InstanceAccess } from "../../redis/types.ts";

/** What would be done to a layout; waits are not among the actions, since they change nothing. */
export interface LayoutPlan {
  readonly actions: readonly { readonly summary: string; readonly reason: string }[];
  readonly findings: readonly Finding[];
}

/** One instance in a status. */
export interface StatusRow {
  readonly host: string;
  /** `HOST:PORT`. */
  readonly instance: string;
  /** `ADDRESS:PORT`, where it listens. */
  readonly address: string;
  readonly role: "master" | "replica" | "standby" | "sentinel" | "unknown";
  /** `down`: nothing listens there; `silent`: something else keeps it from being asked. */
  readonly state: "up" | "down" | "silent" | "loading";
  /** Slot ranges of a cluster master, for example `0-5460`; empty elsewhere. */
  readonly slots: string;
  /** How many slots these are. */
  readonly slotCount: number;
  /** Instance id (or address, for a stranger) of the master of a replica; for a sentinel what it watches. */
  readonly master: string;
  /** Of Redis, as it says itself; empty where it gives no answer. */
  readonly version: string;
  /** How far a replica is behind; undefined for all others. */
  readonly link?: ReplicaLink | undefined;
  /** Why an instance is down, or what else there is to say. */
  readonly note: string;
  /** What to do, where an instance is silent and to start it is no remedy. */
  readonly next?: string | undefined;
}

/** The layout as its instances see it now. */
export interface LayoutStatus {
  readonly rows: readonly StatusRow[];
  readonly findings: readonly Finding[];
}

/** A hand-over of the role of master that was asked for. */
export interface FailoverRequest {
  /** `HOST:PORT`: the replica that is to become the master, or the master that is to hand over. @default the one master, to its best replica */
  readonly instance?: string | undefined;
  /** The master does not answer and is given up, with what no replica has of it. */
  readonly force: boolean;
}

export interface FailoverOutcome {
  /** The master before; undefined where there was none. */
  readonly from: string | undefined;
  readonly to: string;
}

/** Instances leave, in a session whose lab has the former members as well. */
export interface LayoutLeaveRequest {
  /** The lab without its former hosts. */
  readonly declared: Lab;
  /** Ids of the instances that leave now. */
  readonly leaving: ReadonlySet<string>;
  /** Reaches an instance from any host of the lab. */
  readonly access: InstanceAccess;
  /** Stops instances and keeps them from coming back. */
  readonly stop: (instances: readonly string[]) => Promise<void>;
}

export interface LayoutLeaveOutcome {
  /** In sentences without an end. */
  readonly done: readonly string[];
  /** Instances that stay, do not answer, and still count those that left. */
  readonly stillKnownBy: readonly string[];
}

/** Everything that the operations ask of a running layout: the running part of a kind. The pure part is `lib/lab/layouts/`. */
export interface LayoutOperations {
  /** Observes every instance, and judges. */
  status(): Promise<LayoutStatus>;
  /** `apply` takes the instances that are restarted into another build afterwards, and waits for none of them. */
  plan(): Promise<LayoutPlan & { readonly apply: (restarting?: ReadonlySet<string>) => Promise<void> }>;
  /** The plan while no instance runs, when there is nothing to observe: one line. */
  formation(): string;
  /** Every instance in the order in which restarting disturbs least: replicas before masters. */
  restartOrder(): Promise<readonly string[]>;
  /** Replicas without a link to a master that answers. Those of a master that is down are none of these: one of them may have the only copy. */
  unlinked(): Promise<readonly string[]>;
  /**
   * Takes the role of master from an instance before it is restarted, without losing an acknowledged write. Nothing to do for others.
   *
   * @param oldMaster `restarts` for one that another build is to take over at once @default "follows"
   * @returns whether it was taken
   */
  release(instanceId: string, oldMaster?: OldMaster): Promise<boolean>;
  /** Waits until a restarted instance is back in its place: loaded, its replication caught up, and seen so by those who watch it. */
  settled(instanceId: string): Promise<void>;
  /** How applications find its masters, and its shards as they are now. @throws LabError `operations.no-shards` where no instance is a master with data of its own */
  traffic(): Promise<Traffic>;
  /** Writes, reads back and deletes; one line about it. */
  prove(): Promise<string>;
  /** The verb `redis-lab failover`. @throws LabError where the layout has another verb for it, and those of a planned failover */
  failOver(request: FailoverRequest): Promise<FailoverOutcome>;
  /** For instances whose disks are about to be lost. @throws LabError `operations.last-copy` where data would be lost with one of them */
  assertNothingLeft(instanceIds: readonly string[]): Promise<void>;
  /** Makes instances leave so that nothing is lost; the caller stops them afterwards. @throws LabError where one has to stay */
  leave(request: LayoutLeaveRequest): Promise<LayoutLeaveOutcome>;
  /** How a backup is made: a command, or words. */
  readonly backup: string;
  /** Codes of findings about members that the lab does not declare: one of them may be a host that this computer knows nothing of. */
  readonly unknownMembers: readonly string[];
  /** Codes of findings that are expected while a host that is declared no more has not left yet. */
  readonly departing: readonly string[];
}
