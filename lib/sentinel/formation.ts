import { addressOf } from "../redis/server.ts";
import type { EngineInstance } from "../redis/types.ts";
import { isFailingOver, judgeMaster, type MasterVerdict, reachableServer, sentinelReportsOf } from "./master.ts";
import type { SentinelFinding, SentinelLayoutObservation, SentinelView, SentinelWanted, WatchedMaster } from "./types.ts";
import { serversOf } from "./wanted.ts";

/** Something that keeps a layout from being formed, between instances that can be reached: it ends by an action of the plan, or by itself. */
export interface FormationGap {
  readonly code: SentinelFinding["code"];
  /** Who says so. */
  readonly instance: string;
  readonly text: string;
  /** Whom it does not see. */
  readonly towards?: EngineInstance;
}

/**
 * What is missing until a watched master is formed: the current master is a master, all others replicate it with the link up, and each sentinel watches it, reaches the
 * quorum, and sees all of that and all other sentinels. Instances that can't be reached are left out: nothing that concerns them ends by waiting.
 */
export function gapsOf(
  observation: SentinelLayoutObservation,
  wanted: SentinelWanted,
  watched: WatchedMaster,
  verdict: MasterVerdict,
): readonly FormationGap[] {
  if (!("instance" in verdict)) return [];
  const master = verdict.instance;
  const up = (instance: EngineInstance) => reachableServer(observation, instance.id) !== undefined;
  const replicas = serversOf(watched).filter((server) => server.id !== master.id && up(server));
  const sentinels = wanted.sentinels.filter(({ id }) => observation.sentinels.get(id)?.reachable);
  const reports = new Map(sentinelReportsOf(observation, watched.name).map(({ sentinel, view }) => [sentinel, view]));
  const complete = sentinels.length === wanted.sentinels.length;
  return [
    ...(up(master) ? masterGaps(observation, master) : []),
    ...(up(master) ? replicas.flatMap((replica) => replicaGaps(observation, replica, master)) : []),
    ...sentinels.flatMap((sentinel) => {
      const view = reports.get(sentinel.id);
      if (view === undefined) {
        return [{ code: "not-watched" as const, instance: sentinel.id, text: `${sentinel.id} does not watch ${watched.name}.` }];
      }
      const others = sentinels.filter(({ id }) => id !== sentinel.id);
      return [
        ...(up(master) ? viewGaps(sentinel, view, master, replicas) : []),
        ...others.flatMap((other) => otherSentinelGap(observation, sentinel, view, other)),
        ...(complete && !view.quorumOk
          ? [
              {
                code: "quorum-not-reached" as const,
                instance: sentinel.id,
                text: `${sentinel.id} says of ${watched.name}: ${view.quorumText}.`,
              },
            ]
          : []),
      ];
    }),
  ];
}

/** What is missing for all watched masters. */
export function allGapsOf(observation: SentinelLayoutObservation, wanted: SentinelWanted): readonly FormationGap[] {
  return wanted.masters.flatMap((watched) => gapsOf(observation, wanted, watched, judgeMaster(observation, watched)));
}

function masterGaps(observation: SentinelLayoutObservation, master: EngineInstance): FormationGap[] {
  const said = reachableServer(observation, master.id);
  if (said?.loading) return [{ code: "no-master", instance: master.id, text: `${master.id} is still loading its data.` }];
  if (said?.role === "master") return [];
  return [
    {
      code: "masters-disagree",
      instance: master.id,
      text: `${master.id} is the master by the word of the others, but replicates ${said?.masterAddress}:${said?.masterPort}.`,
    },
  ];
}

function replicaGaps(observation: SentinelLayoutObservation, replica: EngineInstance, master: EngineInstance): FormationGap[] {
  const said = reachableServer(observation, replica.id);
  if (said === undefined) return [];
  const gap = (code: FormationGap["code"], text: string): FormationGap[] => [{ code, instance: replica.id, text, towards: master }];
  if (said.loading) return gap("replica-missing", `${replica.id} is still loading its data.`);
  if (said.role === "master") return gap("replica-missing", `${replica.id} is a master of its own and does not replicate ${master.id}.`);
  if (said.masterAddress !== master.address || said.masterPort !== master.port) {
    return gap("replica-missing", `${replica.id} replicates ${said.masterAddress}:${said.masterPort} and not ${master.id}.`);
  }
  if (said.masterLink !== "up") {
    return gap(
      "replica-link-down",
      `${replica.id} ${said.syncing ? "is still synchronising with" : "has no link to"} its master ${master.id}.`,
    );
  }
  return [];
}

function viewGaps(
  sentinel: EngineInstance,
  view: SentinelView,
  master: EngineInstance,
  replicas: readonly EngineInstance[],
): FormationGap[] {
  const gap = (code: FormationGap["code"], text: string, towards: EngineInstance): FormationGap[] => [
    { code, instance: sentinel.id, text, towards },
  ];
  if (view.address !== master.address || view.port !== master.port) {
    return gap("masters-disagree", `${sentinel.id} watches ${addressOf(view)} as ${view.name}, the master is ${master.id}.`, master);
  }
  if (isFailingOver(view)) return gap("masters-disagree", `${sentinel.id} is failing ${view.name} over.`, master);
  const blind = blindness(view.flags);
  if (blind !== undefined) return gap("no-master", `${sentinel.id} sees the master ${master.id} as ${blind}.`, master);
  return replicas.flatMap((replica) => {
    const seen = view.replicas.find(({ address, port }) => address === replica.address && port === replica.port);
    if (seen === undefined) return gap("replica-missing", `${sentinel.id} does not know the replica ${replica.id} yet.`, replica);
    const down = blindness(seen.flags);
    if (down !== undefined) return gap("replica-missing", `${sentinel.id} sees the replica ${replica.id} as ${down}.`, replica);
    if (seen.link === "up" && seen.follows === addressOf(master)) return [];
    return gap("replica-link-down", `${sentinel.id} has not seen the replica ${replica.id} linked to ${master.id} yet.`, replica);
  });
}

function otherSentinelGap(
  observation: SentinelLayoutObservation,
  sentinel: EngineInstance,
  view: SentinelView,
  other: EngineInstance,
): FormationGap[] {
  const seen = view.otherSentinels.find(({ address, port }) => address === other.address && port === other.port);
  const down = seen === undefined ? undefined : blindness(seen.flags);
  const gap = (text: string): FormationGap[] => [{ code: "sentinel-missing", instance: sentinel.id, text, towards: other }];
  if (seen === undefined) return gap(`${sentinel.id} does not know ${other.id} yet.`);
  if (down !== undefined) return gap(`${sentinel.id} sees ${other.id} as ${down}.`);
  // A sentinel that was installed again has another id: its first hello makes a ghost of the one that is known at its address.
  const own = observation.sentinels.get(other.id);
  const isItself = own?.reachable !== true || own.myId === "" || own.myId.slice(0, ID_DIGITS) === seen.runId.slice(0, ID_DIGITS);
  return isItself ? [] : gap(`${sentinel.id} has not heard of the new ${other.id} yet, and knows one that was there before.`);
}

/** Whether a gap is that one of these servers does not replicate its master, or is not seen to. Pure. */
export function concernsReplica({ code, instance, towards }: FormationGap, servers: ReadonlySet<string>): boolean {
  return (code === "replica-missing" || code === "replica-link-down") && (servers.has(instance) || servers.has(towards?.id ?? ""));
}

/** All that is known of the id of some sentinels (observe.ts). */
const ID_DIGITS = 8;

function blindness(flags: ReadonlySet<string>): string | undefined {
  if (flags.has("o_down")) return "objectively down";
  if (flags.has("s_down")) return "down";
  return flags.has("disconnected") ? "disconnected" : undefined;
}
