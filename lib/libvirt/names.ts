import type { Vm } from "../lab/vms.ts";

/** Names of the volumes of a VM, as stacks/constructs/redis-host.ts gives them. */
export function volumeNames({ domainName }: Pick<Vm, "domainName">): { readonly disk: string; readonly seed: string } {
  return { disk: `${domainName}.qcow2`, seed: `${domainName}-cloudinit.iso` };
}

/** Name of the network of a lab where libvirt makes one; undefined on a bridge. */
export function networkName(lab: {
  readonly name: string;
  readonly libvirt: {
    readonly network: { readonly mode: "bridge" } | { readonly mode: "nat" | "routed"; readonly name?: string | undefined };
  };
}): string | undefined {
  const { network } = lab.libvirt;
  return network.mode === "bridge" ? undefined : (network.name ?? lab.name);
}
