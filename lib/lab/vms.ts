import { createHash } from "node:crypto";
import { memoryFaults } from "./check.ts";
import { InvalidLabError, type LabFault } from "./errors.ts";
import { assignHypervisors } from "./hypervisors.ts";
import { type Image, imageOf, KNOWN_IMAGES } from "./images.ts";
import { ipv4Network, isInside } from "./ipv4.ts";
import { duplicates } from "./layouts/references.ts";
import type { HypervisorSettings, Lab, VmNetwork } from "./schema.ts";

/** One VM of a lab: what Terraform gets about a host, and what distinguishes one hardware from another. */
export interface Vm {
  readonly host: string;
  /** Name of the libvirt domain, and beginning of the names of its volumes: LAB-HOST, unique on a hypervisor. */
  readonly domainName: string;
  readonly address: string;
  readonly hypervisor: HypervisorSettings;
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly diskGiB: number;
  /** `52:54:00:xx:xx:xx`, lower case: cloud-init 19.4 of CentOS 7 fails on upper case. */
  readonly mac: string;
}

/** The VMs of a lab as they are to be. */
export interface VmPlan {
  readonly image: Image;
  readonly network: VmNetwork;
  /** DNS domain of the hosts. */
  readonly domain: string;
  /** In the order of the lab's hosts. */
  readonly vms: readonly Vm[];
  /** What could not be avoided: for example a majority of sentinels on one of two hypervisors. */
  readonly warnings: readonly string[];
}

/**
 * Derives the VMs of a lab. Pure and stable: a host that is added moves no other.
 *
 * @throws InvalidLabError `lab.invalid` with every fault at once
 */
export function planVms(lab: Lab): VmPlan {
  const faults = checkVms(lab);
  const image = imageOf(lab.libvirt);
  if (faults.length > 0 || image === undefined) throw new InvalidLabError(lab.name, faults);
  const { hypervisors, warnings } = assignHypervisors(lab);
  const vms = lab.hosts.flatMap((host) => {
    const hypervisor = hypervisors.get(host.name);
    if (hypervisor === undefined) return [];
    return [
      {
        host: host.name,
        domainName: `${lab.name}-${host.name}`,
        address: host.address,
        hypervisor,
        vcpus: host.vcpus ?? lab.libvirt.vcpus,
        memoryMiB: host.memoryMiB ?? lab.libvirt.memoryMiB,
        diskGiB: host.diskGiB ?? lab.libvirt.diskGiB,
        mac: macOf(lab.name, host.name),
      },
    ];
  });
  return { image, network: lab.libvirt.network, domain: domainOf(lab), vms, warnings };
}

/** The network as a VM sees it: what cloud-init gets, and for a network of the lab's own what libvirt gets too. */
export interface VmNetworkView {
  /** ADDRESS/LENGTH, the address being that of the network. */
  readonly cidr: string;
  readonly prefixLength: number;
  /** @default none: the hosts reach their own network alone */
  readonly gateway?: string;
  /** DNS servers; may be empty. */
  readonly dns: readonly string[];
  /** DNS domain of the hosts. */
  readonly domain: string;
}

/** libvirt gives a network of the lab's own its first address, where it routes and answers DNS; what an existing bridge leads to is declared. Pure. */
export function vmNetworkView({ network, domain }: Pick<VmPlan, "network" | "domain">, lab: Pick<Lab, "network">): VmNetworkView {
  const { cidr, prefixLength, firstAddress } = ipv4Network(lab.network.cidr);
  switch (network.mode) {
    case "nat":
    case "routed":
      return { cidr, prefixLength, gateway: firstAddress, dns: [firstAddress], domain };
    case "bridge":
      return { cidr, prefixLength, ...(network.gateway !== undefined && { gateway: network.gateway }), dns: network.dns, domain };
    default:
      return network satisfies never;
  }
}

/** All faults that keep a lab from having VMs; empty where `planVms` succeeds. */
export function checkVms(lab: Lab): readonly LabFault[] {
  return [...assignHypervisors(lab).faults, ...checkImage(lab), ...checkNetwork(lab), ...checkHosts(lab)];
}

function checkImage(lab: Lab): LabFault[] {
  const image = imageOf(lab.libvirt);
  if (image === undefined) {
    const known = Object.keys(KNOWN_IMAGES).join(", ");
    return [{ code: "lab.unknown-image", at: "libvirt.image", text: `there is no known image "${lab.libvirt.image}" (known: ${known})` }];
  }
  const least = image.minDiskGiB ?? 1;
  const tooSmall = (diskGiB: number | undefined, at: string): LabFault[] =>
    diskGiB === undefined || diskGiB >= least
      ? []
      : [{ code: "lab.disk-too-small", at, text: `${diskGiB} GiB; the disk inside the image has ${least} GiB already` }];
  return [
    ...tooSmall(lab.hosts.some(({ diskGiB }) => diskGiB === undefined) ? lab.libvirt.diskGiB : undefined, "libvirt.diskGiB"),
    ...lab.hosts.flatMap(({ diskGiB }, index) => tooSmall(diskGiB, `hosts[${index}].diskGiB`)),
  ];
}

/** The longest prefix that the provider takes: it wants eight addresses at least (getNetworkIPConfig in network.go of 0.8.3). */
const LONGEST_PREFIX = 29;

function checkNetwork(lab: Lab): LabFault[] {
  const { network } = lab.libvirt;
  const { prefixLength, firstAddress } = ipv4Network(lab.network.cidr);
  const taken = (address: string, why: string): LabFault[] =>
    lab.hosts.flatMap((host, index) =>
      host.address === address ? [{ code: "lab.address-of-gateway", at: `hosts[${index}].address`, text: `${address} ${why}` }] : [],
    );
  if (network.mode !== "bridge")
    return [
      ...taken(firstAddress, "is the hypervisor's own address in a network of libvirt; give the host another one"),
      ...(prefixLength > LONGEST_PREFIX
        ? [
            {
              code: "lab.network-too-small",
              at: "network.cidr",
              text: `libvirt makes no network smaller than /${LONGEST_PREFIX} for the VMs`,
            },
          ]
        : []),
    ];
  if (network.gateway === undefined) return [];
  return [
    ...(isInside(network.gateway, lab.network.cidr)
      ? []
      : [
          {
            code: "lab.gateway-outside-network",
            at: "libvirt.network.gateway",
            text: `${network.gateway} is not a host address of ${lab.network.cidr}, so no VM could reach it`,
          },
        ]),
    ...taken(network.gateway, "is the declared gateway"),
  ];
}

/** HOST_NAME_MAX of Linux. cloud-init makes the full name the host's name on the RHEL family (distros/rhel.py of 19.4). */
const LONGEST_HOST_NAME = 64;

function checkHosts(lab: Lab): LabFault[] {
  const macs = lab.hosts.map(({ name }) => macOf(lab.name, name));
  const domain = domainOf(lab);
  return [
    ...lab.hosts.flatMap((host, index) => [
      // What the host declares itself was checked when the lab was defined.
      ...(host.memoryMiB === undefined ? memoryFaults(lab, host, lab.libvirt.memoryMiB, "libvirt.memoryMiB") : []),
      ...(`${host.name}.${domain}`.length > LONGEST_HOST_NAME
        ? [
            {
              code: "lab.host-name-too-long",
              at: `hosts[${index}].name`,
              text: `${host.name}.${domain} has more than ${LONGEST_HOST_NAME} characters, which Linux takes for no host's name`,
            },
          ]
        : []),
    ]),
    ...duplicates(macs).map((mac) => ({
      code: "lab.duplicate-mac",
      at: "hosts",
      text: `${lab.hosts
        .filter((_, index) => macs[index] === mac)
        .map(({ name }) => name)
        .join(" and ")} would get the same MAC address ${mac}; rename one of them`,
    })),
  ];
}

/** The hypervisors that have VMs of a lab, in the order of the lab. Pure. */
export function usedHypervisors({ libvirt }: Pick<Lab, "libvirt">, { vms }: Pick<VmPlan, "vms">): readonly HypervisorSettings[] {
  return libvirt.hypervisors.filter(({ name }) => vms.some(({ hypervisor }) => hypervisor.name === name));
}

/** DNS domain of the hosts of a lab on VMs. */
export function domainOf(lab: Pick<Lab, "name" | "libvirt">): string {
  return lab.libvirt.network.domain ?? `${lab.name}.internal`;
}

/** 52:54:00 is QEMU's own prefix; the rest comes from the names, so that a VM that is made again keeps its address. */
export function macOf(lab: string, host: string): string {
  const digest = createHash("sha256").update(`${lab}/${host}`).digest("hex");
  return `52:54:00:${digest.slice(0, 2)}:${digest.slice(2, 4)}:${digest.slice(4, 6)}`;
}
