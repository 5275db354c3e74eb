import { hostNamedClient, noFreeAddress } from "./errors.ts";
import { addressesOf, ipv4Network, isInside } from "./ipv4.ts";
import type { Lab } from "./schema.ts";

/** Namespace of load and of users' own clients; its address is none of a host. */
export const CLIENT_NAMESPACE = "client";

/** The network of a lab whose hosts are namespaces. */
export interface NamespacePlan {
  readonly prefixLength: number;
  /** Of the bridge, from which redis-lab itself reaches the instances. */
  readonly control: string;
  readonly namespaces: readonly Namespace[];
}

export interface Namespace {
  readonly name: string;
  readonly address: string;
}

/**
 * Which addresses the namespaces of a lab have. The bridge takes the declared gateway, where no host has it; it and the client take addresses that are free. Pure.
 *
 * @throws LabError `lab.no-free-address`, `lab.host-named-client`
 */
export function planNamespaces(lab: Pick<Lab, "name" | "network" | "hosts" | "libvirt">): NamespacePlan {
  const { cidr } = lab.network;
  if (lab.hosts.some(({ name }) => name === CLIENT_NAMESPACE)) throw hostNamedClient(lab.name, CLIENT_NAMESPACE);
  const taken = new Set(lab.hosts.map(({ address }) => address));
  const free = (from: Iterable<string>): string => {
    for (const address of from) {
      if (taken.has(address)) continue;
      taken.add(address);
      return address;
    }
    throw noFreeAddress(lab.name, cidr, lab.hosts.length);
  };
  const { network } = lab.libvirt;
  const gateway = network.mode === "bridge" ? network.gateway : undefined;
  const declared = gateway !== undefined && isInside(gateway, cidr) ? [gateway] : [];
  const control = free(chain(declared, addressesOf(cidr, "first")));
  const client = { name: CLIENT_NAMESPACE, address: free(addressesOf(cidr, "last")) };
  return {
    prefixLength: ipv4Network(cidr).prefixLength,
    control,
    namespaces: [...lab.hosts.map(({ name, address }) => ({ name, address })), client],
  };
}

function* chain(...lists: readonly Iterable<string>[]): Generator<string> {
  for (const list of lists) yield* list;
}
