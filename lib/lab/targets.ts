import { assignHypervisors, jumpTo } from "./hypervisors.ts";
import { imageOf } from "./images.ts";
import type { Host, Lab, SshSettings } from "./schema.ts";

/** How to log in on a host, with what is meant by fields that are left out: without a key file, here for the jump host too, the SSH agent and the default keys are tried. */
export type Login = SshSettings;

/** What a target can do. Code asks for a capability, never for a target's name. */
export interface TargetCapabilities {
  /** Packages, users, kernel settings and units of the host are ours to manage. False: those steps report "not applicable". */
  readonly managesHost: boolean;
  /** Who keeps an instance running: the host's systemd, or a daemon with a pid file. */
  readonly supervisor: "systemd" | "daemon";
  /** How commands reach the host: as processes of this computer, or through SSH. */
  readonly connection: "local" | "ssh";
  /**
   * The network in which instances listen: that of this computer, where any user and any program meets them; namespaces that redis-lab makes for the lab and has to enter, where nothing else
   * is; or that of machines.
   */
  readonly network: "computer" | "namespaces" | "machines";
  /** May fall back to the distribution's source package when neither release site nor mirrors answer. */
  readonly distributionFallback: boolean;
  /** Machines are VMs that Terraform makes and destroys: `up` waits for their boot, `down` is `cdktf destroy`. */
  readonly machines: "given" | "terraform";
  /** Instances also listen on 127.0.0.1. Not on this computer, where seven hosts share it. */
  readonly bindsLoopback: boolean;
  /** Address at which the instances of a host listen. */
  readonly address: (lab: Lab, host: Host) => string;
  /** How to log in on the host. `labKey` is the private key that redis-lab made for the lab. */
  readonly login: (lab: Lab, host: Host, labKey: string | undefined) => Login;
}

const declaredAddress = (_lab: Lab, host: Host): string => host.address;

function loopbackAddress(lab: Lab, host: Host): string {
  const network = lab.network.loopback.split(".").slice(0, 3);
  return [...network, host.address.split(".")[3]].join(".");
}

/** `ssh` of the lab and of the host, which wins. A declared jump host takes the host's key unless it has one of its own. */
function declaredLogin(lab: Lab, host: Host): Login {
  const ssh = { ...lab.ssh, ...host.ssh };
  return ssh.jump === undefined || ssh.keyFile === undefined ? ssh : { jumpKeyFile: ssh.keyFile, ...ssh };
}

/**
 * A VM is reached as the image's user with the lab's key, through its hypervisor where that is another computer; `ssh` of lab and host win. The hypervisor knows
 * nothing of the lab's key: it is reached with the key that its URI names, or as libvirt itself reaches it.
 */
function vmLogin(lab: Lab, host: Host, labKey: string | undefined): Login {
  const declared = declaredLogin(lab, host);
  const user = imageOf(lab.libvirt)?.user;
  // A team's key is in everybody's agent or named by `ssh.keyFile`.
  const keyFile = lab.libvirt.publicKeyFile === undefined ? labKey : undefined;
  const hypervisor = declared.jump === undefined ? assignHypervisors(lab).hypervisors.get(host.name) : undefined;
  const jump = hypervisor === undefined ? {} : jumpTo(hypervisor);
  return { ...(user !== undefined && { user }), ...(keyFile !== undefined && { keyFile }), ...jump, ...declared };
}

const ROWS = {
  local: {
    managesHost: false,
    supervisor: "daemon",
    connection: "local",
    network: "computer",
    distributionFallback: true,
    machines: "given",
    bindsLoopback: false,
    address: loopbackAddress,
    login: () => ({}),
  },
  netns: {
    managesHost: false,
    supervisor: "daemon",
    connection: "local",
    network: "namespaces",
    distributionFallback: true,
    machines: "given",
    bindsLoopback: true,
    address: declaredAddress,
    login: () => ({}),
  },
  ssh: {
    managesHost: true,
    supervisor: "systemd",
    connection: "ssh",
    network: "machines",
    distributionFallback: false,
    machines: "given",
    bindsLoopback: true,
    address: declaredAddress,
    login: declaredLogin,
  },
  libvirt: {
    managesHost: true,
    supervisor: "systemd",
    connection: "ssh",
    network: "machines",
    distributionFallback: false,
    machines: "terraform",
    bindsLoopback: true,
    address: declaredAddress,
    login: vmLogin,
  },
} satisfies Readonly<Record<string, TargetCapabilities>>;

/** The ways to reach the hosts of a lab. */
export type TargetName = keyof typeof ROWS;
/** The one table in which targets differ. */
export const TARGETS: Readonly<Record<TargetName, TargetCapabilities>> = ROWS;
export const TARGET_NAMES = Object.keys(ROWS) as readonly TargetName[];
/** Where a lab runs that is up nowhere, without `--target`. */
export const DEFAULT_TARGET: TargetName = "local";

/** The target whose machines Terraform makes. */
export function terraformsTarget(): TargetName {
  const found = TARGET_NAMES.find((name) => TARGETS[name].machines === "terraform");
  if (found === undefined) throw new Error("one target is Terraform's");
  return found;
}
