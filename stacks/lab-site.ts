import type { ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import type { HypervisorSettings, Lab } from "../lib/lab/schema.ts";
import { type VmPlan, vmNetworkView } from "../lib/lab/vms.ts";
import { imageFile } from "../lib/libvirt/images.ts";
import { renderCloudInit } from "../lib/render/cloud-init.ts";
import { BaseImage } from "./constructs/base-image.ts";
import { checkProps } from "./constructs/checked-props.ts";
import { Hypervisor } from "./constructs/hypervisor.ts";
import { LabNetwork } from "./constructs/lab-network.ts";
import { RedisHost } from "./constructs/redis-host.ts";
import { Size } from "./constructs/size.ts";

export interface LabSiteProps {
  readonly hypervisor: HypervisorSettings;
  readonly lab: Lab;
  readonly plan: VmPlan;
  /** Line of authorized_keys for the login user of the VMs. */
  readonly publicKey: string;
  /** What has to be there before anything is made on the hypervisor. */
  readonly before: readonly ITerraformDependable[];
}

/** A host as its site made it. */
export interface SiteHost {
  readonly name: string;
  readonly address: string;
  readonly hypervisor: string;
  readonly domainId: string;
  readonly vm: RedisHost;
}

/** What of a lab is on one hypervisor: base image, network and the VMs that the lab places there. */
export class LabSite extends Construct {
  readonly hypervisor: Hypervisor;
  /** Undefined where the lab places no VM. */
  readonly image: BaseImage | undefined;
  /** Undefined where the lab places no VM. */
  readonly network: LabNetwork | undefined;
  readonly hosts: readonly SiteHost[];

  constructor(scope: Construct, id: string, props: LabSiteProps) {
    super(scope, id);
    const { lab, plan, publicKey, before: dependsOn } = props;
    const { name, uri, pool, domainType } = props.hypervisor;
    checkProps(this, [{ prop: "publicKey", value: publicKey, rule: "line", known: "it is written to the cloud-init disks now" }]);
    // One that runs nothing keeps its provider: Terraform needs it to destroy what ran there before.
    const hypervisor = new Hypervisor(this, "Default", { alias: name, uri, pool, domainType });
    this.hypervisor = hypervisor;
    const vms = plan.vms.filter((vm) => vm.hypervisor.name === name);
    if (vms.length === 0) {
      this.hosts = [];
      return;
    }
    const view = vmNetworkView(plan, lab);
    const { sha256, user } = plan.image;
    const image = new BaseImage(this, "BaseImage", { hypervisor, lab: lab.name, file: imageFile(plan.image), sha256, dependsOn });
    const network = this.#network(hypervisor, props);
    this.image = image;
    this.network = network;
    this.hosts = vms.map((vm) => {
      const host = new RedisHost(this, vm.host, {
        hypervisor,
        image,
        network,
        domainName: vm.domainName,
        mac: vm.mac,
        cloudInit: renderCloudInit({ lab: lab.name, vm, user, publicKey, network: view }),
        vcpus: vm.vcpus,
        memory: Size.mebibytes(vm.memoryMiB),
        disk: Size.gibibytes(vm.diskGiB),
        autostart: lab.libvirt.autostart,
        dependsOn,
      });
      return { name: vm.host, address: vm.address, hypervisor: name, domainId: host.domainId, vm: host };
    });
  }

  #network(hypervisor: Hypervisor, { lab, plan, before: dependsOn }: LabSiteProps): LabNetwork {
    const { network } = plan;
    if (network.mode === "bridge") return new LabNetwork(this, "Network", network);
    const { cidr, domain } = vmNetworkView(plan, lab);
    return new LabNetwork(this, "Network", { mode: network.mode, hypervisor, name: network.name ?? lab.name, cidr, domain, dependsOn });
  }
}
