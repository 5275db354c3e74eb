import { knownHostName } from "../connection/known-hosts-line.ts";
import { keyNameOf, resolveEndpoint, type SshEndpoint } from "../connection/ssh-endpoint.ts";
import type { SshRoute } from "../lab/inventory.ts";
import { isOwnMachine, type PlacedHost, type Placement } from "../lab/placement.ts";

/** The way to a host, with what the user's ssh configuration adds to the lab. @throws those of `resolveEndpoint` */
export function endpointTo(placement: Placement, { name, ssh, address }: PlacedHost): Promise<SshEndpoint> {
  return resolveEndpoint(name, { ...ssh, address }, { ownMachine: isOwnMachine(placement) });
}

/** The name of a host's keys in known_hosts. @throws those of `keyNameOf` */
export function pinOf(placement: Placement, { name, ssh, address }: PlacedHost): Promise<string> {
  return keyNameOf(name, { ...ssh, address }, { ownMachine: isOwnMachine(placement) });
}

/** The ways to all hosts of a placement, by host; none where they are folders of this computer. */
export async function routesOf(placement: Placement): Promise<ReadonlyMap<string, SshRoute>> {
  if (placement.capabilities.connection === "local") return new Map();
  const routes = placement.hosts.map(async (host) => [host.name, routeOf(await endpointTo(placement, host))] as const);
  return new Map(await Promise.all(routes));
}

function routeOf({ address, port, keyName, via, ...endpoint }: SshEndpoint): SshRoute {
  const { user, keyFile, identityFiles, identitiesOnly, knownHostsFiles } = endpoint;
  return {
    host: address,
    port,
    user,
    keyFile,
    identityFiles,
    identitiesOnly,
    hostKeyAlias: keyName === knownHostName(address, port) ? undefined : keyName,
    knownHostsFiles,
    jump: via === undefined ? undefined : routeOf(via),
  };
}
