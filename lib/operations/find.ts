import { type PlacedHost, type PlacedInstance, type Placement, placedInstances } from "../lab/placement.ts";
import { unknownHost, unknownInstance } from "./errors.ts";

/** @throws LabError `operations.unknown-host` */
export function findHost(placement: Placement, name: string): PlacedHost {
  const host = placement.hosts.find((each) => each.name === name);
  if (host === undefined)
    throw unknownHost(
      name,
      placement.hosts.map((each) => each.name),
    );
  return host;
}

/**
 * `HOST:PORT`, or `HOST` for its first instance.
 *
 * @throws LabError `operations.unknown-host`, `operations.unknown-instance`
 */
export function findInstance(placement: Placement, reference: string): PlacedInstance {
  const host = findHost(placement, reference.split(":")[0] ?? "");
  const instance = reference.includes(":") ? host.instances.find(({ id }) => id === reference) : host.instances[0];
  if (instance === undefined)
    throw unknownInstance(
      reference,
      placedInstances(placement).map(({ id }) => id),
    );
  return instance;
}
