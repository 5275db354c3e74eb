import { TerraformOutput } from "cdktf";
import type { Construct } from "constructs";
import { LabStack, type LabStackProps, libvirt, macOf, planVms, RedisHost, renderCloudInit, Size, vmNetworkView } from "redis-lab/stacks";

/** The VMs of a lab, and what an application needs beside them: a VM for its clients, a disk for dumps, and the endpoints as an output that other stacks can read. */
export class CacheStack extends LabStack {
  constructor(scope: Construct, id: string, props: LabStackProps) {
    super(scope, id, props);
    const { lab, publicKey } = props;
    new TerraformOutput(this, "endpoints", {
      value: this.hosts.map(({ address }) => `${address}:6379`),
      description: "Where Redis answers",
    });

    const [site] = this.sites;
    if (site?.image === undefined || site.network === undefined) return;
    const { hypervisor, image, network } = site;
    // What redis-lab checks before it makes anything has then been checked for these, too.
    const dependsOn = [image.volume];
    // Any resource of the provider, on the hypervisor of the lab.
    new libvirt.volume.Volume(this, "dumps", {
      provider: hypervisor.provider,
      pool: hypervisor.pool,
      name: `${lab.name}-dumps.qcow2`,
      size: Size.gibibytes(10).toBytes(),
      dependsOn,
    });
    // A VM that is not a host of the lab: redis-lab makes it, and leaves what runs on it to you.
    const plan = planVms(lab);
    const vm = { host: "clients", domainName: `${lab.name}-clients`, address: "10.34.0.100", mac: macOf(lab.name, "clients") };
    new RedisHost(this, vm.host, {
      hypervisor,
      image,
      network,
      domainName: vm.domainName,
      mac: vm.mac,
      cloudInit: renderCloudInit({ lab: lab.name, vm, user: plan.image.user, publicKey, network: vmNetworkView(plan, lab) }),
      memory: Size.mebibytes(1024),
      dependsOn,
    });
  }
}
