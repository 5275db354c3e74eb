import { numberedHosts } from "../../../lib/lab/define-lab.ts";
import type { LabInput } from "../../../lib/lab/schema.ts";
import { sentinelInput } from "../../support/labs.ts";
import { worldContext } from "../rig/rig.ts";
import type { TerraformProject } from "./terraform-project.ts";

/** A lab on three VMs of a moment each: their disks hold nothing that boots. Its hosts are 18, 28 and 38 of 192.168.NET.0/24. */
export function momentaryVms(
  project: Pick<TerraformProject, "image">,
  {
    name,
    net,
    hosts,
    libvirt,
  }: { readonly name: string; readonly net: number } & Pick<LabInput, "libvirt"> & { readonly hosts?: LabInput["hosts"] },
): LabInput {
  return sentinelInput({
    name,
    network: { cidr: `192.168.${net}.0/24`, loopback: "127.0.11.0/24" },
    hosts: hosts ?? numberedHosts(`192.168.${net}`, [18, 28, 38]),
    redis: { settings: { maxmemory: "8mb" } },
    libvirt: {
      hypervisors: [{ name: "here", uri: worldContext().libvirtUri, domainType: "qemu" }],
      image: project.image,
      memoryMiB: 64,
      diskGiB: 1,
      ...libvirt,
    },
  });
}
