import type { Finding } from "../base/finding.ts";
import { observed, observeServer, type ReachableServer, type ServerObservation } from "../redis/server.ts";
import type { EngineInstance, InstanceAccess } from "../redis/types.ts";

/** One master and its replicas, as the lab declares them. */
export interface ReplicationWanted {
  /** Name of the lab, for the commands in findings. */
  readonly lab: string;
  /** The master at creation; a hand-over may have moved the role since. */
  readonly master: EngineInstance;
  readonly replicas: readonly EngineInstance[];
  /** Members of hosts that are declared no more: one of them may still be the master. Their ids are addresses. */
  readonly former: readonly EngineInstance[];
}

/** By instance id. */
export type ReplicationObservation = ReadonlyMap<string, ServerObservation>;

/** Something about the layout that is not as declared, or not healthy. Closed set. */
export type ReplicationFinding = Finding<
  | "unreachable"
  | "foreign-master"
  | "two-masters"
  | "no-master"
  | "has-data"
  | "replica-missing"
  | "replica-link-down"
  | "extra-member"
  | "fenced"
  | "save-failed"
>;

/** Every action can be done again. */
export type ReplicationAction =
  /** Refused by the applier when the instance is by then a master with keys. */
  | { readonly kind: "replicate"; readonly instance: string; readonly master: string }
  /** Takes back the fence that an interrupted hand-over left. */
  | { readonly kind: "lift-fence"; readonly instance: string; readonly minReplicas: number }
  /** An interrupted hand-over may have left servers in their new roles with the old ones in their files: after a restart they would replicate each other. */
  | { readonly kind: "write-roles"; readonly instances: readonly string[] }
  | { readonly kind: "await-formed" };

export interface PlannedReplicationAction {
  readonly action: ReplicationAction;
  readonly reason: "create" | "continue" | "join";
  readonly summary: string;
}

export interface ReplicationPlan {
  readonly actions: readonly PlannedReplicationAction[];
  /** Those that stop the plan (severity `refuses`, then it has no actions) or accompany it. */
  readonly findings: readonly ReplicationFinding[];
}

/** The servers of the layout, the declared master first. */
export function declaredServers({ master, replicas }: Pick<ReplicationWanted, "master" | "replicas">): readonly EngineInstance[] {
  return [master, ...replicas];
}

/** Those of the layout and the former ones. */
export function knownServers(wanted: ReplicationWanted): readonly EngineInstance[] {
  return [...declaredServers(wanted), ...wanted.former];
}

export async function observeReplication(wanted: ReplicationWanted, access: InstanceAccess): Promise<ReplicationObservation> {
  const all = await Promise.all(
    knownServers(wanted).map((server) => observed(server, async () => observeServer(server, await access.client(server.id)))),
  );
  return new Map(all.map((one) => [one.id, one]));
}

export function reachable(observation: ReplicationObservation, { id }: Pick<EngineInstance, "id">): ReachableServer | undefined {
  const said = observation.get(id);
  return said?.reachable ? said : undefined;
}

/** Whether a server says that it replicates this master. */
export function follows(said: ReachableServer | undefined, master: EngineInstance): boolean {
  return said?.role === "replica" && said.masterAddress === master.address && said.masterPort === master.port;
}

/** Whether a replica has all that its master sent so far, give or take what is under way. */
export function inStep(said: ReachableServer | undefined, master: EngineInstance): boolean {
  return follows(said, master) && said?.masterLink === "up" && !said.loading && !said.syncing;
}

/** The declared replica that has read most, of those that are asked for. */
export function bestReplica(
  observation: ReplicationObservation,
  wanted: ReplicationWanted,
  fits: (server: EngineInstance) => boolean,
): EngineInstance | undefined {
  const offset = (server: EngineInstance) => reachable(observation, server)?.offset ?? 0;
  return declaredServers(wanted)
    .filter((server) => reachable(observation, server)?.role === "replica" && fits(server))
    .sort((a, b) => offset(b) - offset(a))[0];
}
