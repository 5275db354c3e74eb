import type { Vm } from "../lab/vms.ts";

/** Names of the volumes of a VM, as stacks/constructs/redis-host.ts gives them. */
export function volumeNames({ domainName }: Pick<Vm, "domainName">): { readonly disk: string; readonly seed: string } {
  return { disk: `${domainName}.qcow2`, seed: `${domainName}-cloudinit.iso` };
}

/** Name of the VM that such a volume is of. */
export function domainOfVolume(name: string): string {
  return name.replace(/(-cloudinit\.iso|\.qcow2)$/, "");
}

/** Beginning of the name of the image of a lab, as stacks/constructs/base-image.ts gives it. A dot, which no host's name has: `LAB-HOST` can't be the same. */
export function baseImagePrefix({ name }: { readonly name: string }): string {
  return `${name}.base-`;
}

/** Its whole name, by the digest of what is in it. */
export function baseImageName(lab: { readonly name: string }, sha256: string): string {
  return `${baseImagePrefix(lab)}${sha256.slice(0, 12)}.qcow2`;
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
