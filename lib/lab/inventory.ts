import { type PlacedHost, type Placement, placedInstances } from "./placement.ts";

/** A placed lab as other tools want it. Addresses are those of the target. Holds no secret. */
export interface Inventory {
  readonly lab: string;
  readonly target: string;
  readonly layout: "cluster" | "sentinel";
  readonly hosts: readonly InventoryHost[];
  /** Client URIs by name: `cluster`, or one for each watched master. The password is left out: clients take it from their own configuration. */
  readonly uris: Readonly<Record<string, string>>;
}

export interface InventoryHost {
  readonly name: string;
  readonly address: string;
  /** How to log in; undefined for a host that is a folder of this computer. */
  readonly ssh: (SshPlace & { readonly jump: SshPlace | undefined }) | undefined;
  readonly instances: readonly { readonly id: string; readonly port: number; readonly role: string; readonly unit: string }[];
}

/** An SSH server and who logs in there. */
export interface SshPlace {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** @default the SSH agent and the default keys */
  readonly keyFile: string | undefined;
}

/** Pure. */
export function inventoryOf(placement: Placement): Inventory {
  return {
    lab: placement.lab.name,
    target: placement.target,
    layout: placement.lab.layout.kind,
    hosts: placement.hosts.map((host) => ({
      name: host.name,
      address: host.address,
      ssh: placement.capabilities.connection === "ssh" ? sshOf(host) : undefined,
      instances: host.instances.map(({ id, port, role, unit }) => ({ id, port, role: role.kind, unit })),
    })),
    uris: urisOf(placement),
  };
}

export function sshOf(host: Pick<PlacedHost, "ssh" | "address">): NonNullable<InventoryHost["ssh"]> {
  const { ssh } = host;
  const user = ssh.user ?? "root";
  const jump = ssh.jump === undefined ? undefined : jumpOf(ssh.jump, user, ssh.jumpKeyFile);
  return { host: ssh.host ?? host.address, port: ssh.port ?? 22, user, keyFile: ssh.keyFile, jump };
}

/** `[USER@]HOST[:PORT]`; the user is that of the host behind it unless it has one. */
function jumpOf(jump: string, behind: string, keyFile: string | undefined): SshPlace {
  const [, user = behind, host = jump, port = "22"] = /^(?:([^@]+)@)?([^:]+)(?::(\d+))?$/.exec(jump) ?? [];
  return { host, port: Number(port), user, keyFile };
}

function urisOf(placement: Placement): Readonly<Record<string, string>> {
  const instances = placedInstances(placement);
  const list = (kinds: readonly string[]) =>
    instances
      .filter(({ role }) => kinds.includes(role.kind))
      .map(({ address, port }) => `${address}:${port}`)
      .join(",");
  const { layout } = placement.lab;
  if (layout.kind === "cluster") return { cluster: `redis://${list(["cluster-master", "cluster-replica"])}` };
  return Object.fromEntries(layout.masters.map(({ name }) => [name, `redis+sentinel://${list(["sentinel"])}/${name}/0`]));
}
