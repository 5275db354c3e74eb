import { quorumOf, resolveReference, SENTINEL_PORT } from "../lab/instances.ts";
import { type Placement, placedInstances } from "../lab/placement.ts";
import type { EngineInstance } from "../redis/types.ts";
import { unknownInstance } from "./errors.ts";
import type { SentinelWanted, WatchedMaster } from "./types.ts";

/**
 * What the sentinels of a placed lab are to watch, with the addresses that the instances have there. A layout of another kind wants nothing of sentinels. Pure.
 *
 * @throws LabError `sentinel.unknown-instance` for a reference that no host of the lab carries (a checked lab has none)
 */
export function wantedOf(placement: Placement): SentinelWanted {
  const { lab } = placement;
  const { layout } = lab;
  if (layout.kind !== "sentinel") return { masters: [], sentinels: [] };
  const placed = new Map(placedInstances(placement).map(({ id, host, address, port }) => [id, { id, host, address, port }]));
  const instance = (reference: string, defaultPort?: number): EngineInstance => {
    const id = resolveReference(lab, reference, defaultPort);
    const found = placed.get(id);
    if (found === undefined) throw unknownInstance(id);
    return found;
  };
  const sentinels = layout.sentinels.map((reference) => instance(reference, SENTINEL_PORT));
  return {
    sentinels,
    masters: layout.masters.map(
      (monitor): WatchedMaster => ({
        name: monitor.name,
        master: instance(monitor.master),
        replicas: monitor.replicas.map((reference) => instance(reference)),
        quorum: quorumOf(monitor, layout),
        downAfterMs: monitor.downAfterMs,
        parallelSyncs: monitor.parallelSyncs,
        failoverTimeoutMs: monitor.failoverTimeoutMs,
      }),
    ),
  };
}

/** The redis-servers of one watched master, the declared master first. */
export function serversOf(watched: WatchedMaster): readonly EngineInstance[] {
  return [watched.master, ...watched.replicas];
}

/** All redis-servers of the layout. */
export function allServers(wanted: SentinelWanted): readonly EngineInstance[] {
  return wanted.masters.flatMap(serversOf);
}

/** The server that listens there, if it is one of these. */
export function serverAt(
  servers: readonly EngineInstance[],
  address: string | undefined,
  port: number | undefined,
): EngineInstance | undefined {
  return servers.find((server) => server.address === address && server.port === port);
}

export function addressOf(instance: Pick<EngineInstance, "address" | "port">): string {
  return `${instance.address}:${instance.port}`;
}
