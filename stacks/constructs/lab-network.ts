import { Network } from "@cdktf/provider-libvirt/lib/network";
import type { ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import { checkProps } from "./checked-props.ts";
import type { Hypervisor } from "./hypervisor.ts";

/** A network that libvirt makes: `nat` hides the hosts behind the hypervisor, `routed` leaves the routes to it to you. */
export interface OwnNetworkProps {
  readonly mode: "nat" | "routed";
  readonly hypervisor: Hypervisor;
  /** Name of the libvirt network. */
  readonly name: string;
  /** Its IPv4 network; the hypervisor takes the first address, and is gateway and DNS server there. */
  readonly cidr: string;
  /** DNS domain. @default - none */
  readonly domain?: string;
  /** Start it with the hypervisor. @default true */
  readonly autostart?: boolean;
  /** @default - nothing */
  readonly dependsOn?: readonly ITerraformDependable[];
}

/** A bridge that is there already. */
export interface BridgedNetworkProps {
  readonly mode: "bridge";
  /** Name of the bridge on the hypervisor. */
  readonly bridge: string;
}

export type LabNetworkProps = OwnNetworkProps | BridgedNetworkProps;

/** Where the VMs of a hypervisor are plugged in. Addresses are static: libvirt's DHCP is off, as its range can't be kept clear of them. */
export class LabNetwork extends Construct {
  /** What the network interface of a domain says. */
  readonly attachment: { readonly networkId: string } | { readonly bridge: string };

  constructor(scope: Construct, id: string, props: LabNetworkProps) {
    super(scope, id);
    if (props.mode === "bridge") {
      checkProps(this, [{ prop: "bridge", value: props.bridge, rule: "bridge" }]);
      this.attachment = { bridge: props.bridge };
      return;
    }
    checkProps(this, [
      { prop: "name", value: props.name, rule: "word" },
      { prop: "cidr", value: props.cidr, rule: "cidr" },
      ...(props.domain === undefined ? [] : [{ prop: "domain", value: props.domain, rule: "dnsDomain" as const }]),
    ]);
    const network = new Network(this, "Default", {
      provider: props.hypervisor.provider,
      name: props.name,
      mode: props.mode === "routed" ? "route" : "nat",
      addresses: [props.cidr],
      ...(props.domain !== undefined && { domain: props.domain }),
      dhcp: { enabled: false },
      autostart: props.autostart ?? true,
      dependsOn: [...(props.dependsOn ?? [])],
    });
    this.attachment = { networkId: network.id };
  }
}
