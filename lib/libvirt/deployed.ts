import { isLabError } from "../base/error.ts";
import type { HypervisorSettings, Lab } from "../lab/schema.ts";
import { planVms, usedHypervisors } from "../lab/vms.ts";
import { activeDomains, type DomainDefinition, hostOf } from "./domains.ts";
import { baseImagePrefix, domainOfVolume } from "./names.ts";
import { type NetworkDefinition, networkDefinitions, networkNames } from "./networks.ts";
import { type PoolView, readPool, readVolumes } from "./pools.ts";
import type { PreflightFinding } from "./preflight-finding.ts";
import type { KnownNetwork, TerraformState } from "./terraform-state.ts";
import { type Plugged, pluggedInterfaces } from "./this-computer.ts";
import { isLocalUri, virshCommand } from "./uri.ts";
import { type VirshOptions, virshOutput } from "./virsh.ts";

// What a deploy made, against what is there. Terraform can't say it: its provider ends every plan and every destroy at the first VM whose network or disk is gone, before anything could be made again.

/** Networks, volumes and running VMs of a hypervisor, as far as a lab that was deployed rests on them. */
export interface DeployedFacts {
  /** Undefined where there is no such pool. */
  readonly pool: PoolView | undefined;
  /** Paths by name; empty where the pool is not active. */
  readonly volumes: ReadonlyMap<string, string>;
  readonly networks: readonly (NetworkDefinition & { readonly active: boolean })[];
  /** VMs of the lab that run, as they are now. */
  readonly running: readonly DomainDefinition[];
  /** Interfaces of this computer by name; undefined for another computer, and where it could not be asked. */
  readonly interfaces: ReadonlyMap<string, Plugged> | undefined;
}

/**
 * Looks at a hypervisor, and changes nothing.
 *
 * @throws LabError `libvirt.*` where it can't be asked
 */
export async function observeDeployed(
  lab: Pick<Lab, "name">,
  { uri, pool: poolName }: Pick<HypervisorSettings, "uri" | "pool">,
  options: VirshOptions = {},
): Promise<DeployedFacts> {
  const [pool, networks, active] = await Promise.all([
    readPool(uri, poolName, { ...options, refresh: true }),
    readNetworks(uri, options),
    activeDomains(uri, options.signal),
  ]);
  return {
    pool,
    volumes: pool?.active ? await readVolumes(uri, poolName, options) : new Map<string, string>(),
    networks,
    running: active.filter((domain) => hostOf(lab, domain) !== undefined),
    interfaces: isLocalUri(uri) ? await pluggedInterfaces(options.signal) : undefined,
  };
}

async function readNetworks(uri: string, options: VirshOptions): Promise<DeployedFacts["networks"]> {
  const names = await networkNames(uri, options.signal);
  const active = (await virshOutput(uri, ["net-list", "--name"], options)).split("\n").map((line) => line.trim());
  const definitions = await networkDefinitions(uri, names, options.signal);
  return definitions.map((definition) => ({ ...definition, active: active.includes(definition.name) }));
}

/** A lab on one of its hypervisors, and what Terraform knows of it. */
export interface DeployedLab {
  readonly lab: Pick<Lab, "name">;
  readonly hypervisor: Pick<HypervisorSettings, "name" | "uri" | "pool">;
  readonly terraform: TerraformState;
}

/** Networks that Terraform made there and that libvirt has no more. One of the same name is another case: the name is taken. Pure. */
export function absentNetworks({ hypervisor, terraform }: DeployedLab, { networks }: DeployedFacts): readonly KnownNetwork[] {
  if (terraform.kind !== "read") return [];
  return [...terraform.networks.values()].filter(
    (known) => known.hypervisor === hypervisor.name && !networks.some(({ id, name }) => id === known.id || name === known.name),
  );
}

/** Those that are there and not active. Pure. */
export function inactiveNetworks({ terraform }: DeployedLab, { networks }: DeployedFacts): DeployedFacts["networks"] {
  return terraform.kind !== "read" ? [] : networks.filter(({ id, active }) => !active && terraform.networks.has(id));
}

/** Where a running VM ends on this computer, and the bridge that this should be in. */
export interface LooseTap {
  readonly domain: string;
  readonly tap: string;
  readonly bridge: string;
}

/**
 * Ends of running VMs that are plugged in nowhere: a network that was stopped and started has a new bridge, which knows nothing of the VMs that ran meanwhile. One that is in another bridge was
 * put there by a person. Pure.
 */
export function looseTaps({ running, interfaces: here, networks }: DeployedFacts): readonly LooseTap[] {
  if (here === undefined) return [];
  return running.flatMap(({ name: domain, interfaces }) =>
    interfaces.flatMap(({ network, bridge: former, tap }): LooseTap[] => {
      const bridge = networks.find(({ name }) => name === network)?.bridge ?? former;
      const end = tap === undefined ? undefined : here.get(tap);
      // Without the bridge itself another finding says what is missing.
      if (tap === undefined || bridge === undefined || end === undefined || here.get(bridge)?.isBridge !== true) return [];
      return end.master === undefined ? [{ domain, tap, bridge }] : [];
    }),
  );
}

/** Names of volumes that Terraform made in the pool and that are there no more; none where the pool can't be looked at. Pure. */
export function absentVolumes({ hypervisor, terraform }: DeployedLab, { pool, volumes }: DeployedFacts): readonly string[] {
  if (terraform.kind !== "read" || pool?.active !== true) return [];
  // By name: the key that Terraform knows is a path in pools of folders alone.
  return terraform.volumes.flatMap(({ name, pool: at, hypervisor: on }) =>
    on === hypervisor.name && at === hypervisor.pool && !volumes.has(name) ? [name] : [],
  );
}

/** What is missing of a lab that was deployed, with the way out of each. Pure. */
export function judgeDeployed(deployed: DeployedLab, facts: DeployedFacts): readonly PreflightFinding[] {
  const { lab, hypervisor } = deployed;
  const virsh = virshCommand(hypervisor.uri);
  const error = (code: string, what: string, why: string, next: string): PreflightFinding => ({ severity: "error", code, what, why, next });
  const loose = looseTaps(facts);
  const absent = absentVolumes(deployed, facts);
  const images = absent.filter((name) => name.startsWith(baseImagePrefix(lab)));
  const ofVms = absent.filter((name) => !images.includes(name));
  return [
    ...absentNetworks(deployed, facts).map(({ name }) =>
      error(
        "network.absent",
        `The network "${name}" is gone, which Terraform made.`,
        "Terraform's provider can't look at a VM without its network: every deploy and every destroy ends there.",
        `npx redis-lab preflight ${lab.name} defines it again as it was; then repeat your command.`,
      ),
    ),
    ...inactiveNetworks(deployed, facts).map(({ name }) =>
      error(
        "network.inactive",
        `The network "${name}" of the lab is not active.`,
        "No VM of the lab is reached, and none can start.",
        `npx redis-lab preflight ${lab.name} starts it. Or: ${virsh} net-start ${name}`,
      ),
    ),
    ...(loose.length === 0
      ? []
      : [
          error(
            "network.unplugged",
            `${[...new Set(loose.map(({ domain }) => domain))].join(", ")} ${loose.length === 1 ? "runs" : "run"} and ${loose.length === 1 ? "is" : "are"} plugged into no network.`,
            "The network was stopped and started while they ran; its new bridge knows nothing of them.",
            loose.map(({ tap, bridge }) => `sudo ip link set ${tap} master ${bridge}`).join(" && "),
          ),
        ]),
    ...images.map((name) =>
      error(
        "image.volume-absent",
        `The image "${name}" is gone from the pool "${hypervisor.pool}": the disks of the lab's VMs lie over it.`,
        "No VM of the lab starts without it. Where one runs, it still has the file open.",
        `npx redis-lab preflight ${lab.name} uploads the same image again. Do not deploy before.`,
      ),
    ),
    ...ofVms.map((name) => {
      const domain = domainOfVolume(name);
      return error(
        "volume.absent",
        `The volume "${name}" is gone from the pool "${hypervisor.pool}".`,
        `Terraform's provider can't look at ${domain} without it: every deploy and every destroy ends there. A VM that runs still has it open, and loses it when it ends.`,
        `Give up the VM, and deploy makes it again: ${virsh} destroy ${domain}; ${virsh} undefine ${domain} --managed-save --snapshots-metadata --nvram; npx cdktf deploy ${lab.name}`,
      );
    }),
  ];
}

/** How long a synth or a doctor waits for a hypervisor, in milliseconds. */
const GLANCE_MS = 10_000;

/** What is missing of a lab that was deployed, on all its hypervisors; one that can't be asked has nothing to say here. */
export async function missingOfDeployed(
  lab: Lab,
  terraform: TerraformState,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly PreflightFinding[]> {
  if (terraform.kind !== "read" || terraform.resources === 0) return [];
  const used = usedHypervisors(lab, planVms(lab));
  const found = await Promise.all(
    used.map(async (hypervisor) => {
      try {
        const facts = await observeDeployed(lab, hypervisor, { ...options, timeoutMs: GLANCE_MS });
        return judgeDeployed({ lab, hypervisor, terraform }, facts);
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!isLabError(error)) throw error;
        return [];
      }
    }),
  );
  return found.flat();
}
