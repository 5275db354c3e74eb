// The competitor: what a user writes who has cdktf and the provider's classes and nothing else. The same resources, from names that are ready in labs.json and cloud-init disks that
// another program makes.
import { readFileSync } from "node:fs";
import { Domain } from "@cdktf/provider-libvirt/lib/domain";
import { Network } from "@cdktf/provider-libvirt/lib/network";
import { LibvirtProvider } from "@cdktf/provider-libvirt/lib/provider";
import { Volume } from "@cdktf/provider-libvirt/lib/volume";
import { App, DataResource, Fn, TerraformIterator, TerraformOutput, TerraformSelf, TerraformStack } from "cdktf";

const pool = "default";
const environment = { REDIS_LAB_IN_TERRAFORM: "1" };
const localExec = (command, more = {}) => ({ type: "local-exec", workingDir: "../../..", environment, command, ...more });

class Lab extends TerraformStack {
  constructor(scope, { name, cidr, domain, image, vms }) {
    super(scope, name);
    const provider = new LibvirtProvider(this, "libvirt", { uri: "qemu:///system", alias: "local" });
    const preflight = new DataResource(this, "preflight", {
      triggersReplace: { image: image.sha256, cidr },
      provisioners: [localExec(`npx --no-install redis-lab preflight ${name}`)],
    });
    const where = TerraformIterator.fromMap(Object.fromEntries(vms.map(({ host }) => [host, "local"])));
    const place = new DataResource(this, "place", { forEach: where, triggersReplace: { hypervisor: where.value }, dependsOn: [preflight] });
    const dependsOn = [place];
    const base = new Volume(this, "base", { provider, pool, name: `${name}.base.qcow2`, source: image.file, format: "qcow2", dependsOn });
    const network = new Network(this, "network", {
      provider,
      name,
      domain,
      mode: "nat",
      addresses: [cidr],
      dhcp: { enabled: false },
      autostart: true,
      dependsOn,
    });
    const domains = {};
    for (const vm of vms) {
      const volume = new Volume(this, `${vm.host}-disk`, {
        provider,
        pool,
        name: `${vm.domainName}.qcow2`,
        baseVolumeId: base.id,
        size: vm.diskGiB * 2 ** 30,
        format: "qcow2",
        dependsOn,
      });
      const source = `seeds/${vm.domainName}.iso`;
      const seed = new Volume(this, `${vm.host}-seed`, { provider, pool, name: `${vm.domainName}.iso`, source, format: "raw", dependsOn });
      domains[vm.host] = new Domain(this, vm.host, {
        provider,
        name: vm.domainName,
        type: "kvm",
        cpu: { mode: "host-passthrough" },
        vcpu: vm.vcpus,
        memory: vm.memoryMiB,
        autostart: true,
        disk: [{ volumeId: volume.id }, { volumeId: seed.id }],
        networkInterface: [{ networkId: network.id, mac: vm.mac, waitForLease: false }],
        console: [{ type: "pty", targetType: "serial", targetPort: "0" }],
        graphics: { type: "vnc", listenType: "address", listenAddress: "127.0.0.1" },
        lifecycle: { ignoreChanges: ["type", "cpu"] },
      }).id;
    }
    const each = TerraformIterator.fromMap(domains);
    const member = new DataResource(this, "member", {
      forEach: each,
      triggersReplace: { domain: each.value },
      provisioners: [
        localExec(`npx --no-install redis-lab leave ${name} \${each.key}`, {
          when: "destroy",
          environment: { ...environment, DOMAIN: TerraformSelf.getString("triggers_replace.domain") },
        }),
      ],
    });
    new DataResource(this, "bootstrap", {
      triggersReplace: { domains },
      dependsOn: [member],
      provisioners: [
        localExec(`npx --no-install redis-lab up ${name}`, { environment: { ...environment, DOMAINS: Fn.jsonencode(domains) } }),
      ],
    });
    new TerraformOutput(this, "hosts", { value: Object.fromEntries(vms.map(({ host, address }) => [host, address])) });
    new TerraformOutput(this, "next", { value: `npx redis-lab status ${name}` });
  }
}

const app = new App();
for (const lab of JSON.parse(readFileSync("labs.json", "utf8"))) new Lab(app, lab);
app.synth();
