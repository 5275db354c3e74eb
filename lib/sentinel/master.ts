import { addressOf, type ReachableServer, serverAt } from "../redis/server.ts";
import type { EngineInstance } from "../redis/types.ts";
import { unknownName } from "./errors.ts";
import type { SentinelLayoutObservation, SentinelView, SentinelWanted, WatchedMaster } from "./types.ts";
import { serversOf } from "./wanted.ts";

/** Who is the master of a name now, and by whose word. */
export type MasterVerdict =
  /** `sentinels`: they say so; `replication`: the others replicate it; `declared`: nobody says anything yet. */
  | { readonly kind: "sentinels" | "replication" | "declared"; readonly instance: EngineInstance }
  /** The sentinels watch, or the servers replicate, an address that is not of this master's declared instances. */
  | { readonly kind: "foreign"; readonly address: string; readonly by: string }
  /** No sentinel watches yet, and several servers are replicated. */
  | { readonly kind: "several"; readonly instances: readonly EngineInstance[] };

export interface SentinelReport {
  readonly sentinel: string;
  readonly view: SentinelView;
}

/** @throws LabError `sentinel.unknown-name` */
export function watchedByName(wanted: SentinelWanted, name: string): WatchedMaster {
  const watched = wanted.masters.find((one) => one.name === name);
  if (watched === undefined) {
    throw unknownName(
      name,
      wanted.masters.map((one) => one.name),
    );
  }
  return watched;
}

/** The views that the lab's reachable sentinels have of a name. */
export function sentinelReportsOf(observation: SentinelLayoutObservation, name: string): readonly SentinelReport[] {
  return [...observation.sentinels.values()].flatMap((sentinel) =>
    sentinel.reachable ? sentinel.masters.filter((view) => view.name === name).map((view) => ({ sentinel: sentinel.id, view })) : [],
  );
}

export function reachableServer(observation: SentinelLayoutObservation, id: string): ReachableServer | undefined {
  const server = observation.servers.get(id);
  return server?.reachable ? server : undefined;
}

/**
 * The current master: what the sentinels say, else the one server that others replicate, else the declared one. Undefined when that is not a declared instance, or when
 * several may be meant. A failover that happened is never undone, because nothing else may say who is master.
 *
 * @throws LabError `sentinel.unknown-name`
 */
export function currentMaster(observation: SentinelLayoutObservation, wanted: SentinelWanted, name: string): EngineInstance | undefined {
  const verdict = judgeMaster(observation, watchedByName(wanted, name));
  return "instance" in verdict ? verdict.instance : undefined;
}

export function judgeMaster(observation: SentinelLayoutObservation, watched: WatchedMaster): MasterVerdict {
  const servers = serversOf(watched);
  const reports = sentinelReportsOf(observation, watched.name);
  const best = mostTrusted(reports);
  if (best === undefined) return byReplication(observation, watched) ?? { kind: "declared", instance: watched.master };
  const instance = serverAt(servers, best.view.address, best.view.port);
  if (instance === undefined) return { kind: "foreign", address: addressOf(best.view), by: best.sentinel };
  // Sentinels that were set up again (no failover in their memory) next to servers that went through one: the servers know better.
  const said = reachableServer(observation, instance.id);
  // Not so in the middle of a failover: its new master is one already, and the sentinels will say so at its end.
  if (best.view.configEpoch === 0 && said?.role === "replica" && !isUnderWay(observation, watched.name)) {
    const replicated = byReplication(observation, watched);
    if (replicated !== undefined) return replicated;
  }
  return { kind: "sentinels", instance };
}

/**
 * The report that the others will adopt: the highest config epoch wins by hello messages (sentinelProcessHelloMessage in sentinel.c of 4.0.14). At the same epoch the
 * sentinel that leads a failover names the old master until its end, so it counts less; then the majority counts.
 */
function mostTrusted(reports: readonly SentinelReport[]): SentinelReport | undefined {
  const votes = (view: SentinelView) => reports.filter((other) => addressOf(other.view) === addressOf(view)).length;
  const failing = (view: SentinelView) => (isFailingOver(view) ? 1 : 0);
  return [...reports].sort(
    (a, b) => b.view.configEpoch - a.view.configEpoch || failing(a.view) - failing(b.view) || votes(b.view) - votes(a.view),
  )[0];
}

export function isFailingOver(view: SentinelView): boolean {
  return view.flags.has("failover_in_progress");
}

/** A reachable sentinel works on a failover of a name. */
export function isUnderWay(observation: SentinelLayoutObservation, name: string): boolean {
  return sentinelReportsOf(observation, name).some(({ view }) => isFailingOver(view));
}

function byReplication(observation: SentinelLayoutObservation, watched: WatchedMaster): MasterVerdict | undefined {
  const servers = serversOf(watched);
  const replicas = servers.map(({ id }) => reachableServer(observation, id)).filter((server) => server?.role === "replica");
  const targets = new Map<string, EngineInstance>();
  for (const replica of replicas) {
    const target = serverAt(servers, replica?.masterAddress, replica?.masterPort);
    if (target === undefined)
      return { kind: "foreign", address: `${replica?.masterAddress}:${replica?.masterPort}`, by: replica?.id ?? "" };
    if (reachableServer(observation, target.id)?.role !== "replica") targets.set(target.id, target);
  }
  const [first, ...more] = targets.values();
  if (first === undefined) return undefined;
  return more.length === 0 ? { kind: "replication", instance: first } : { kind: "several", instances: [first, ...more] };
}
