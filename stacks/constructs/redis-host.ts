import { Domain } from "@cdktf/provider-libvirt/lib/domain";
import { Volume } from "@cdktf/provider-libvirt/lib/volume";
import type { ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import type { CloudInitFiles } from "../../lib/render/cloud-init.ts";
import type { BaseImage } from "./base-image.ts";
import { checkProps, cloudInitChecks } from "./checked-props.ts";
import { CloudInitDisk } from "./cloud-init-disk.ts";
import type { Hypervisor } from "./hypervisor.ts";
import type { LabNetwork } from "./lab-network.ts";
import { Size } from "./size.ts";

export interface RedisHostProps {
  readonly hypervisor: Hypervisor;
  readonly network: LabNetwork;
  readonly image: BaseImage;
  /** Name of the libvirt domain and beginning of the names of its volumes; unique on the hypervisor. */
  readonly domainName: string;
  /** MAC address, in lower case, as the network configuration of cloud-init has it. */
  readonly mac: string;
  /** What the VM gets at its first boot; nothing secret. */
  readonly cloudInit: CloudInitFiles;
  /** @default 1 */
  readonly vcpus?: number;
  /** @default 2 GiB */
  readonly memory?: Size;
  /** Room that the disk grows to; at least that of the image. It counts when the disk is made. @default 20 GiB */
  readonly disk?: Size;
  /** Start the VM with its hypervisor. @default true */
  readonly autostart?: boolean;
  /** @default - nothing besides image and network */
  readonly dependsOn?: readonly ITerraformDependable[];
}

/** One VM: a disk over the base image, the disk that cloud-init reads, and the domain. */
export class RedisHost extends Construct {
  /** Id of the libvirt domain: another one is another VM. */
  readonly domainId: string;

  constructor(scope: Construct, id: string, props: RedisHostProps) {
    super(scope, id);
    const { hypervisor, domainName, vcpus = 1, memory = Size.gibibytes(2), disk = Size.gibibytes(20), autostart = true } = props;
    const dependsOn = [...(props.dependsOn ?? [])];
    checkProps(this, [
      { prop: "domainName", value: domainName, rule: "word", known: "the file of its cloud-init disk bears it" },
      { prop: "mac", value: props.mac, rule: "mac", known: "cloud-init's network configuration has to name it" },
      { prop: "vcpus", value: vcpus, rule: "positive" },
      ...cloudInitChecks("cloudInit", props.cloudInit),
    ]);
    const volume = new Volume(this, "disk", {
      provider: hypervisor.provider,
      pool: hypervisor.pool,
      name: `${domainName}.qcow2`,
      baseVolumeId: props.image.volume.id,
      size: disk.toBytes(),
      format: "qcow2",
      dependsOn,
      // Another size would replace the disk and all that is on it; `redis-lab rebuild` makes disks again.
      // And an image that was lost and is made again would replace every disk that lies over it.
      lifecycle: { ignoreChanges: ["size", "base_volume_id"] },
    });
    const seed = new CloudInitDisk(this, "cloud-init", {
      hypervisor,
      name: `${domainName}-cloudinit.iso`,
      files: props.cloudInit,
      dependsOn,
    });
    const kvm = hypervisor.domainType === "kvm";
    const domain = new Domain(this, "Default", {
      provider: hypervisor.provider,
      name: domainName,
      type: hypervisor.domainType,
      ...(kvm && { cpu: { mode: "host-passthrough" } }),
      vcpu: vcpus,
      memory: memory.toMebibytes(),
      autostart,
      disk: [{ volumeId: volume.id }, { volumeId: seed.volume.id }],
      // The address is set inside the VM: nothing to wait for, and `addresses` would differ from what the provider reads, in every plan.
      networkInterface: [{ ...props.network.attachment, mac: props.mac, waitForLease: false }],
      console: [{ type: "pty", targetType: "serial", targetPort: "0" }],
      // Without it the provider takes spice, which RHEL 9's qemu does not have.
      graphics: { type: "vnc", listenType: "address", listenAddress: "127.0.0.1" },
      // A change of these would replace the VM: all of them at once, if a synth ran where /dev/kvm is not to be seen, or cloud-init gets something else. A cloud-init disk that
      // was made again has the path of the one before.
      lifecycle: { ignoreChanges: ["type", "cpu", "disk[1].volume_id"] },
    });
    this.domainId = domain.id;
  }
}
