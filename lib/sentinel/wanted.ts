import { layoutRow } from "../lab/layouts.ts";
import { type Placement, placedInstances } from "../lab/placement.ts";
import type { EngineInstance } from "../redis/types.ts";
import { unknownInstance } from "./errors.ts";
import type { SentinelWanted, WatchedMaster } from "./types.ts";

/**
 * What the sentinels of a placed lab are to watch, with the addresses that the instances have there. A layout without sentinels wants nothing of them. Pure.
 *
 * @throws LabError `sentinel.unknown-instance` for a reference that no host of the lab carries (a checked lab has none)
 */
export function wantedOf(placement: Placement): SentinelWanted {
  const { lab } = placement;
  const row = layoutRow(lab.layout);
  const placed = new Map(placedInstances(placement).map(({ id, host, address, port }) => [id, { id, host, address, port }]));
  const instance = (id: string): EngineInstance => {
    const found = placed.get(id);
    if (found === undefined) throw unknownInstance(id);
    return found;
  };
  return {
    sentinels: row.sentinels(lab).map(instance),
    masters: row
      .monitors(lab)
      .map((monitor): WatchedMaster => ({ ...monitor, master: instance(monitor.master), replicas: monitor.replicas.map(instance) })),
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
