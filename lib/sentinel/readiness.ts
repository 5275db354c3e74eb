import { addressOf, serverAt } from "../redis/server.ts";
import type { EngineInstance } from "../redis/types.ts";
import { isFailingOver, judgeMaster, reachableServer, sentinelReportsOf } from "./master.ts";
import type { SentinelLayoutObservation, SentinelWanted, WatchedMaster } from "./types.ts";
import { serversOf } from "./wanted.ts";

export interface Readiness {
  readonly master: EngineInstance | undefined;
  /** What stands against a planned failover now; most of it passes. */
  readonly missing: readonly string[];
}

/**
 * Whether a planned failover may begin without a risk for acknowledged writes: all sentinels that can be reached agree on a master that is one, with quorum and no
 * failover under way; and every replica that a sentinel might choose is a declared one that follows that master with its link up. Pure.
 */
export function readinessOf(observation: SentinelLayoutObservation, wanted: SentinelWanted, watched: WatchedMaster): Readiness {
  const verdict = judgeMaster(observation, watched);
  if (verdict.kind !== "sentinels") return { master: undefined, missing: ["the sentinels name no master"] };
  const master = verdict.instance;
  const reports = sentinelReportsOf(observation, watched.name);
  const followers = serversOf(watched).filter(({ id }) => follows(observation, id, master));
  const missing = [
    ...(reachableServer(observation, master.id)?.role === "master" ? [] : [`${master.id} is not a master or can't be reached`]),
    ...(followers.length > 0 ? [] : ["no replica follows the master"]),
    ...wanted.sentinels
      .filter(({ id }) => observation.sentinels.get(id)?.reachable && !reports.some(({ sentinel }) => sentinel === id))
      .map(({ id }) => `${id} does not watch ${watched.name}`),
    ...reports.flatMap(({ sentinel, view }) => [
      ...(addressOf(view) === addressOf(master) ? [] : [`${sentinel} names another master`]),
      ...(isFailingOver(view) ? [`${sentinel} is failing over`] : []),
      ...(view.quorumOk ? [] : [`${sentinel}: ${view.quorumText}`]),
      ...view.replicas
        .filter(({ flags }) => !flags.has("s_down"))
        .flatMap((replica) => {
          const server = serverAt(serversOf(watched), replica.address, replica.port);
          if (server === undefined) return [`${sentinel} may choose ${addressOf(replica)}, which the lab does not declare`];
          return followers.includes(server) ? [] : [`${server.id} does not follow ${master.id} with its link up`];
        }),
    ]),
  ];
  return { master, missing: [...new Set(missing)] };
}

function follows(observation: SentinelLayoutObservation, id: string, master: EngineInstance): boolean {
  const said = reachableServer(observation, id);
  return (
    said?.role === "replica" &&
    said.masterAddress === master.address &&
    said.masterPort === master.port &&
    said.masterLink === "up" &&
    !said.loading &&
    !said.syncing
  );
}
