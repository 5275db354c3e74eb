import type { Vm, VmNetworkView } from "../lab/vms.ts";
import { refuseLineBreaks, renderTemplate } from "./template.ts";

export interface CloudInitInput {
  /** Name of the lab. */
  readonly lab: string;
  readonly vm: Pick<Vm, "host" | "domainName" | "address" | "mac">;
  /** Login user; made where the image has none of that name. */
  readonly user: string;
  /** One line as in authorized_keys. */
  readonly publicKey: string;
  readonly network: VmNetworkView;
}

/** The three files on the disk that cloud-init's data source NoCloud reads. */
export interface CloudInitFiles {
  readonly userData: string;
  readonly metaData: string;
  /** Network configuration, version 1. */
  readonly networkConfig: string;
}

/**
 * What a VM gets at its first boot: its name, its address and who may log in. Everything after that is the bootstrap's, which can be repeated. Read alike by
 * cloud-init 19.4 (CentOS 7) and later ones. Pure and stable: a change of any byte replaces the disk with these files.
 *
 * @throws LabError `render.line-break`
 */
export function renderCloudInit({ lab, vm, user, publicKey, network }: CloudInitInput): CloudInitFiles {
  // Here and not by the template, which sees what is quoted already: a second line would be a second key.
  refuseLineBreaks("cloud-init-user-data", { user, publicKey }, "");
  return {
    userData: renderTemplate("cloud-init-user-data", {
      lab,
      hostname: yaml(vm.host),
      fqdn: yaml(`${vm.host}.${network.domain}`),
      user: yaml(user),
      publicKey: yaml(publicKey),
    }),
    metaData: renderTemplate("cloud-init-meta-data", { instanceId: yaml(vm.domainName), hostname: yaml(vm.host) }),
    networkConfig: renderTemplate("cloud-init-network-config", {
      // 19.4 does not find a device by an address in upper case: "Not all expected physical devices present".
      mac: yaml(vm.mac.toLowerCase()),
      address: yaml(`${vm.address}/${network.prefixLength}`),
      gateway: network.gateway === undefined ? "" : yaml(network.gateway),
      dns: network.dns.map(yaml),
      domain: yaml(network.domain),
    }),
  };
}

/** In double quotes, as YAML reads them like JSON does: a host named `no` would be a boolean without them, and many a MAC address a number in base 60. */
function yaml(text: string): string {
  return JSON.stringify(text);
}
