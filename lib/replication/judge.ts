import { type ReachableServer, serverAt } from "../redis/server.ts";
import type { EngineInstance } from "../redis/types.ts";
import { bestReplica, follows, knownServers, type ReplicationObservation, type ReplicationWanted, reachable } from "./model.ts";

/** Who is the master now, and by whose word. Nothing is remembered: the servers alone tell. */
export type MasterOfReplication =
  /** `replicas` follow it; it alone has `data`; a `hand-over` that was interrupted promoted it; or it is `declared`, and nobody says anything yet. */
  | { readonly kind: "master"; readonly by: "replicas" | "data" | "hand-over" | "declared"; readonly instance: EngineInstance }
  /** It is replicated, or declared, and does not answer. */
  | { readonly kind: "absent"; readonly instance: EngineInstance }
  | { readonly kind: "several"; readonly instances: readonly EngineInstance[] }
  /** All that answer replicate one another. */
  | { readonly kind: "circle"; readonly instances: readonly EngineInstance[] };

/**
 * The current master: the one server with data that others replicate, else the one that alone has data, else the declared one. A server without a key stands back
 * behind one with keys, so that emptying a server settles a dispute. Pure.
 */
export function judgeMaster(observation: ReplicationObservation, wanted: ReplicationWanted): MasterOfReplication {
  const servers = knownServers(wanted);
  const circle = servers.filter((server) => isInCircle(observation, server, servers));
  if (circle.length > 0) return { kind: "circle", instances: circle };
  const masters = servers.filter((server) => reachable(observation, server)?.role === "master");
  const heirs = new Map(masters.map((server) => [server.id, heirOf(observation, server, masters)]));
  const left = masters.filter(({ id }) => heirs.get(id) === undefined);
  const followed = (master: EngineInstance) => servers.some((server) => follows(reachable(observation, server), master));
  const full = left.filter((server) => hasData(reachable(observation, server)));
  const absent = servers.filter((server) => reachable(observation, server) === undefined && followed(server));
  const strong = [...full.filter(followed), ...absent];
  const lone = full.filter((server) => !followed(server));
  const weak = left.filter((server) => followed(server) && !full.includes(server));

  const [heir] = [...heirs.values()].filter((server) => server !== undefined);
  if (heir !== undefined && strong.every(({ id }) => id === heir.id)) return { kind: "master", by: "hand-over", instance: heir };
  const [first, ...more] = strong;
  if (first !== undefined) {
    if (more.length > 0) return { kind: "several", instances: strong };
    if (!absent.includes(first)) return { kind: "master", by: "replicas", instance: first };
    return lone.length > 0 ? { kind: "several", instances: [...lone, first] } : { kind: "absent", instance: first };
  }
  const empty = weak.find(({ id }) => id === wanted.master.id) ?? weak[0];
  if (empty !== undefined) return { kind: "master", by: "replicas", instance: empty };
  const [only, ...others] = lone;
  if (only !== undefined) return others.length > 0 ? { kind: "several", instances: lone } : { kind: "master", by: "data", instance: only };
  const declared = reachable(observation, wanted.master);
  return declared?.role === "master"
    ? { kind: "master", by: "declared", instance: wanted.master }
    : { kind: "absent", instance: wanted.master };
}

/**
 * The master that has all that this fenced master acknowledged, since an interrupted hand-over promoted it; undefined where there is no proof, as the fence alone is
 * none. Pure.
 */
export function successorOf(
  observation: ReplicationObservation,
  wanted: ReplicationWanted,
  server: EngineInstance,
): EngineInstance | undefined {
  if (reachable(observation, server)?.role !== "master") return undefined;
  const masters = knownServers(wanted).filter((other) => reachable(observation, other)?.role === "master");
  return heirOf(observation, server, masters);
}

/** The replica that loses least when a master is given up: one that follows that very master. Undefined where a master answers, or several claim the role. Pure. */
export function bestToForce(
  observation: ReplicationObservation,
  wanted: ReplicationWanted,
  verdict: MasterOfReplication,
): EngineInstance | undefined {
  switch (verdict.kind) {
    case "absent":
      return bestReplica(observation, wanted, (server) => follows(reachable(observation, server), verdict.instance));
    case "circle":
      return bestReplica(observation, wanted, ({ id }) => verdict.instances.some((one) => one.id === id));
    case "master":
    case "several":
      return undefined;
    default:
      return verdict satisfies never;
  }
}

function hasData(said: ReachableServer | undefined): boolean {
  // A server that still loads does not say how much.
  return said?.loading === true || (said?.keys ?? 0) > 0;
}

/** Whether a replica's masters, one after the other, lead back to it. */
function isInCircle(observation: ReplicationObservation, server: EngineInstance, servers: readonly EngineInstance[]): boolean {
  let at: EngineInstance | undefined = server;
  for (let steps = 0; steps < servers.length; steps += 1) {
    const said: ReachableServer | undefined = reachable(observation, at);
    at = said?.role === "replica" ? serverAt(servers, said.masterAddress, said.masterPort) : undefined;
    if (at === undefined) return false;
    if (at.id === server.id) return true;
  }
  return false;
}

/**
 * The master that an interrupted hand-over made of a replica of this one. That it followed this one's stream proves where its data are from, and the fence that nothing
 * was acknowledged here since.
 */
function heirOf(
  observation: ReplicationObservation,
  server: EngineInstance,
  masters: readonly EngineInstance[],
): EngineInstance | undefined {
  const said = reachable(observation, server);
  if (said?.fencedFrom === undefined) return undefined;
  const heirs = masters.filter((other) => other.id !== server.id && reachable(observation, other)?.formerStreamId === said.streamId);
  return heirs.length === 1 ? heirs[0] : undefined;
}
