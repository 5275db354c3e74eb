import { ipv4Network, overlap } from "../lab/ipv4.ts";
import type { Lab } from "../lab/schema.ts";
import { networkName } from "./names.ts";
import type { HypervisorFacts } from "./preflight-facts.ts";
import type { PreflightFinding, Wanted } from "./preflight-finding.ts";
import type { TerraformState } from "./terraform-state.ts";
import { virshCommand } from "./uri.ts";

/** Name, bridge and addresses of the network are free, or the lab's own. Pure. */
export function judgeNetwork(wanted: Wanted, facts: HypervisorFacts): readonly PreflightFinding[] {
  const { network } = wanted.lab.libvirt;
  return network.mode === "bridge" ? judgeBridge(network.bridge, facts) : [...judgeName(wanted, facts), ...judgeRange(wanted, facts)];
}

function judgeName({ lab, hypervisor, terraform }: Wanted, facts: HypervisorFacts): PreflightFinding[] {
  const { network } = lab.libvirt;
  if (network.mode === "bridge") return judgeBridge(network.bridge, facts);
  const name = networkName(lab);
  const found = facts.networks.find((each) => each.name === name);
  if (found === undefined || isOurs(found, lab, terraform)) return [];
  return [
    {
      severity: "error",
      code: "network.name-taken",
      what: `The network name "${name}" is taken by another network (${[found.mode, ...found.ranges, found.bridge].filter(Boolean).join(", ")}).`,
      next: `Give the lab's network another name: libvirt.network { mode: "${network.mode}", name: "…" }; or remove that one: ${virshCommand(hypervisor.uri)} net-destroy ${name}, then net-undefine ${name}.`,
    },
  ];
}

/** The network of the lab: Terraform made it; or it has the lab's range, and is a left-over that is reported elsewhere. */
function isOurs(network: HypervisorFacts["networks"][number], lab: Lab, terraform: TerraformState): boolean {
  if (network.name !== networkName(lab)) return false;
  return (terraform.kind === "read" && terraform.networks.has(network.id)) || network.ranges.includes(ipv4Network(lab.network.cidr).cidr);
}

function judgeBridge(bridge: string, { computer }: HypervisorFacts): PreflightFinding[] {
  if (computer === undefined || computer.bridge === "bridge" || computer.bridge === undefined) return [];
  if (computer.bridge === "absent") {
    return [
      {
        severity: "error",
        code: "bridge.absent",
        what: `There is no interface "${bridge}" on this computer.`,
        next: `Make the bridge and put the network card into it (nmcli connection add type bridge ifname ${bridge}, or netplan, or /etc/network/interfaces), or correct libvirt.network.bridge; \`ip -br link show type bridge\` lists those that are there.`,
      },
    ];
  }
  return [
    {
      severity: "error",
      code: "bridge.none",
      what: `The interface "${bridge}" of this computer is not a bridge.`,
      next: "Name a bridge in libvirt.network.bridge; `ip -br link show type bridge` lists those that are there.",
    },
  ];
}

/** On a bridge of one's own choice the range is that of the network around it. */
function judgeRange({ lab, terraform }: Wanted, { networks, computer }: HypervisorFacts): PreflightFinding[] {
  const { network } = lab.libvirt;
  if (network.mode === "bridge") return [];
  const { cidr } = ipv4Network(lab.network.cidr);
  const next = "Give the lab another network.cidr, and its hosts addresses in it.";
  const others = networks.filter((each) => !isOurs(each, lab, terraform));
  const bridges = new Set(networks.flatMap(({ bridge }) => bridge ?? []));
  const findings = others.flatMap((each): PreflightFinding[] =>
    each.ranges
      .filter((range) => overlap(range, cidr))
      .map((range) => ({
        severity: each.active ? "error" : "warning",
        code: "network.range-taken",
        what: `The lab's addresses ${cidr} are in use by the libvirt network "${each.name}" (${range}${each.active ? "" : ", not active now"}).`,
        why: "Two networks of a hypervisor can't have the same addresses: the second does not start.",
        next: `${next} Or remove that network.`,
      })),
  );
  const reached = (computer?.networks ?? []).filter(({ interface: name, range }) => !bridges.has(name) && overlap(range, cidr));
  // An interface has an address and a route to the same network.
  const seen = new Map(reached.map((each) => [`${each.interface} ${each.range}`, each]));
  for (const { interface: name, range, address } of seen.values()) {
    const [, length] = range.split("/");
    const [, ours] = cidr.split("/");
    // A range that holds all of the lab's and more: the lab's becomes an exception to it, and others in there stay reachable.
    const wider = Number(length) < Number(ours) && (address === undefined || !overlap(`${address}/32`, cidr));
    findings.push({
      severity: wider ? "warning" : "error",
      code: "network.range-taken",
      what: `The lab's addresses ${cidr} ${address === undefined ? `have a route already, through ${name} (${range})` : `are in use on this computer: ${name} has ${address} in ${range}`}.`,
      why: wider
        ? `This computer would reach only the lab's VMs at these addresses, and nothing behind ${name}.`
        : range === cidr
          ? "libvirt refuses to start a network there."
          : `What is meant for VMs would be sent through ${name}.`,
      next,
    });
  }
  return findings;
}
