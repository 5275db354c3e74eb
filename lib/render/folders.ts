import type { PlacedHost, PlacedInstance } from "../lab/placement.ts";
import { PROGRAMS } from "../lab/programs.ts";

/** Working folder of an instance: redis-servers share `data`, where the port is part of their file names; every sentinel has a folder of its own in it. */
export function workingFolder(host: Pick<PlacedHost, "paths">, instance: Pick<PlacedInstance, "kind" | "port">): string {
  const { ownFolder, files } = PROGRAMS[instance.kind];
  return ownFolder ? `${host.paths.data}/${files}-${instance.port}` : host.paths.data;
}

/** Folders that the rendered files name and that are not among the host's own paths. Their parents are; mode 0750, owned by Redis. */
export function workingFolders(host: PlacedHost): readonly string[] {
  const { prefix, bin, etc, data, logs, run } = host.paths;
  const known = new Set([prefix, bin, etc, data, logs, run]);
  return host.instances.map((instance) => workingFolder(host, instance)).filter((folder) => !known.has(folder));
}
