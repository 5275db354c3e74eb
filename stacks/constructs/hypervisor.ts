import { accessSync, constants, existsSync } from "node:fs";
import { LibvirtProvider } from "@cdktf/provider-libvirt/lib/provider";
import { Annotations } from "cdktf";
import { Construct } from "constructs";
import { checkProps } from "./checked-props.ts";

export interface HypervisorProps {
  /** Name of the provider in Terraform. @default - the construct's id */
  readonly alias?: string;
  /** libvirt URI of a qemu driver, for example `qemu+ssh://root@kvm-1/system`. @default qemu:///system */
  readonly uri?: string;
  /** Storage pool for disks and images; it must exist. @default default */
  readonly pool?: string;
  /** `auto` is kvm, unless this computer is the hypervisor and has no KVM. A VM that exists keeps its type. @default auto */
  readonly domainType?: "auto" | "kvm" | "qemu";
  /** Device of the kernel that `auto` looks for where this computer is the hypervisor. @default /dev/kvm */
  readonly kvmDevice?: string;
}

/** A libvirt host. Its provider has an alias of its own, so that one stack spans several. */
export class Hypervisor extends Construct {
  readonly uri: string;
  readonly pool: string;
  readonly domainType: "kvm" | "qemu";
  readonly provider: LibvirtProvider;

  constructor(scope: Construct, id: string, props: HypervisorProps = {}) {
    super(scope, id);
    const { uri = "qemu:///system", pool = "default", domainType = "auto", kvmDevice = "/dev/kvm" } = props;
    checkProps(this, [
      { prop: "alias", value: props.alias ?? id, rule: "alias", known: "Terraform wants the names of its providers in plain text" },
      {
        prop: "uri",
        value: uri,
        rule: "libvirtUri",
        ...(domainType === "auto" && {
          known: "domainType is auto, so that it tells whether this computer's KVM counts; with kvm or qemu it may be one",
        }),
      },
      { prop: "pool", value: pool, rule: "word" },
    ]);
    this.uri = uri;
    this.pool = pool;
    this.provider = new LibvirtProvider(this, "Default", { uri, alias: props.alias ?? id });
    const emulated = domainType === "auto" && isLocal(uri) && !hasKvm(uri, kvmDevice);
    this.domainType = domainType === "auto" ? (emulated ? "qemu" : "kvm") : domainType;
    if (emulated) {
      Annotations.of(this).addWarning(
        `There is no KVM on this computer (${kvmDevice}): new VMs are emulated, and boot and compile about ten times slower. ` +
          "Enable virtualization in the firmware and load kvm_intel or kvm_amd; `domainType` of the hypervisor says which one is meant without looking.",
      );
    }
  }
}

/** Whether a libvirt URI means the libvirt of this computer: no host, over a Unix socket. */
export function isLocal(uri: string): boolean {
  return /^qemu(\+unix)?:\/\/\//.test(uri);
}

/** The system's libvirt opens the device itself, as another user; a session's is ours, and so must the device be. */
function hasKvm(uri: string, device: string): boolean {
  if (!uri.includes(":///session")) return existsSync(device);
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
