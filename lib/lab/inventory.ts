import { type LayoutKind, layoutRow } from "./layouts.ts";
import { type Placement, placedInstances } from "./placement.ts";

/** A placed lab as other tools want it. Addresses are those of the target. Holds no secret. */
export interface Inventory {
  readonly lab: string;
  readonly target: string;
  readonly layout: LayoutKind;
  readonly hosts: readonly InventoryHost[];
  /** Client URIs by name: `cluster`, or one for each watched master. The password is left out: clients take it from their own configuration. */
  readonly uris: Readonly<Record<string, string>>;
}

export interface InventoryHost {
  readonly name: string;
  readonly address: string;
  /** How to log in; undefined for a host that is a folder of this computer. */
  readonly ssh: SshRoute | undefined;
  readonly instances: readonly { readonly id: string; readonly port: number; readonly role: string; readonly unit: string }[];
}

/** An SSH server, who logs in there, and by what way. */
export interface SshRoute {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** The only key, as the lab declares it. @default those of `identityFiles`, the SSH agent and the default keys */
  readonly keyFile: string | undefined;
  /** Of the user's configuration of OpenSSH, in the order in which they are offered. */
  readonly identityFiles: readonly string[];
  /** That configuration offers no others. */
  readonly identitiesOnly: boolean;
  /** The name of its host keys in known_hosts. @default that of host and port */
  readonly hostKeyAlias: string | undefined;
  /** Files that may have its host keys besides the lab's own. */
  readonly knownHostsFiles: readonly string[];
  /** The jump host before it. */
  readonly jump: SshRoute | undefined;
}

/** @param routes the ways to the hosts, by name; none for folders of this computer. Pure. */
export function inventoryOf(placement: Placement, routes: ReadonlyMap<string, SshRoute>): Inventory {
  return {
    lab: placement.lab.name,
    target: placement.target,
    layout: placement.lab.layout.kind,
    hosts: placement.hosts.map((host) => ({
      name: host.name,
      address: host.address,
      ssh: routes.get(host.name),
      instances: host.instances.map(({ id, port, role, unit }) => ({ id, port, role: role.kind, unit })),
    })),
    uris: layoutRow(placement.lab.layout).uris(placement.lab.layout, placedInstances(placement)),
  };
}
