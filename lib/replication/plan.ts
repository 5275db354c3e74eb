import { checkReplication } from "./check.ts";
import { judgeMaster } from "./judge.ts";
import {
  declaredServers,
  follows,
  type PlannedReplicationAction,
  type ReplicationObservation,
  type ReplicationPlan,
  type ReplicationWanted,
  reachable,
} from "./model.ts";

/** What to do so that the layout is formed as declared. Pure; no actions when nothing is to be done, or when a finding refuses. The role of master stays where it is. */
export function planReplication(observation: ReplicationObservation, wanted: ReplicationWanted): ReplicationPlan {
  const findings = checkReplication(observation, wanted);
  const verdict = judgeMaster(observation, wanted);
  if (verdict.kind !== "master" || findings.some(({ severity }) => severity === "refuses")) return { actions: [], findings };
  const { instance: master, by } = verdict;
  const servers = declaredServers(wanted);
  const reason = by === "declared" ? "create" : by === "hand-over" ? "continue" : "join";
  const replicate = servers
    .filter(
      (server) =>
        server.id !== master.id && reachable(observation, server) !== undefined && !follows(reachable(observation, server), master),
    )
    .map(
      ({ id }): PlannedReplicationAction => ({
        action: { kind: "replicate", instance: id, master: master.id },
        reason,
        summary: `make ${id} a replica of ${master.id}`,
      }),
    );
  const lifts = servers.flatMap(({ id }): PlannedReplicationAction[] => {
    const before = reachable(observation, { id })?.fencedFrom;
    if (before === undefined) return [];
    return [
      { action: { kind: "lift-fence", instance: id, minReplicas: before }, reason: "continue", summary: `let ${id} take writes again` },
    ];
  });
  const fencedOther = servers.some((server) => server.id !== master.id && reachable(observation, server)?.fencedFrom !== undefined);
  // The others' roles are written when they become replicas, or with their fence.
  const settled = servers.flatMap((server) => {
    const said = reachable(observation, server);
    return follows(said, master) && said?.fencedFrom === undefined ? [server.id] : [];
  });
  const ofMaster = ({ action }: PlannedReplicationAction) => action.kind === "lift-fence" && action.instance === master.id;
  const waits = replicate.length > 0 || findings.some(({ code }) => code === "replica-link-down" || code === "replica-missing");
  return {
    findings,
    actions: [
      ...lifts.filter(ofMaster),
      ...(by === "hand-over" || fencedOther
        ? [
            {
              action: { kind: "write-roles" as const, instances: [master.id, ...settled] },
              reason: "continue",
              summary: `write into the files that ${master.id} is the master`,
            } as const,
          ]
        : []),
      ...replicate,
      ...(waits
        ? [{ action: { kind: "await-formed" as const }, reason, summary: `wait until all replicas have what ${master.id} has` } as const]
        : []),
      // A server that lost the role takes no writes as a replica, and its fence is taken back last.
      ...lifts.filter((one) => !ofMaster(one)),
    ],
  };
}
