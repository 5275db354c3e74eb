import { ipv4Network } from "../lab/ipv4.ts";
import type { HypervisorSettings, Lab } from "../lab/schema.ts";
import { planVms } from "../lab/vms.ts";
import { activeDomains, type DomainDefinition, type DomainState, domainDefinitions, domainNames, hostOf, parseDominfo } from "./domains.ts";
import { inUse } from "./errors.ts";
import { networkName, volumeNames } from "./names.ts";
import { networkDefinitions } from "./networks.ts";
import { readPool, readVolumes } from "./pools.ts";
import type { TerraformState } from "./terraform-state.ts";
import { virsh, virshBatch, virshOutput } from "./virsh.ts";

/** A volume by pool and name, and where it is on its hypervisor. */
export interface VolumeName {
  readonly pool: string;
  readonly name: string;
  readonly path: string;
}

/** What an orphan of any kind says. */
interface OrphanBase {
  readonly hypervisor: HypervisorSettings;
  readonly name: string;
  /** Names of the VMs, of this lab or of others, that run and use it: a VM that runs uses itself. */
  readonly usedBy: readonly string[];
  /** Terraform's state here has other things of the lab, so it was made from here. False where the state was lost, or is that of another folder or computer. */
  readonly ours: boolean;
}

/** Something of a lab that exists in libvirt and that Terraform does not know: the next deploy stumbles over it, and no destroy removes it. */
export type Orphan =
  | (OrphanBase & {
      readonly kind: "domain";
      /** UUID */
      readonly id: string;
      readonly host: string;
      /** `running`: it may be of a deploy from another computer or checkout. */
      readonly state: DomainState;
      /** Its own volumes, as far as Terraform does not know them either; they are removed with it. */
      readonly volumes: readonly VolumeName[];
    })
  /** A disk or cloud-init disk that no domain uses. The provider would take it over with what is on it. */
  | (OrphanBase & {
      readonly kind: "volume";
      readonly pool: string;
      readonly path: string;
      readonly host: string;
    })
  | (OrphanBase & { readonly kind: "network"; readonly id: string; readonly bridge: string | undefined });

/** An orphan before it is known who uses it. */
type Found = Orphan extends infer Each ? (Each extends Orphan ? Omit<Each, "usedBy" | "ours"> : never) : never;

/**
 * What is left over of a lab on its hypervisors: domains with the lab's name and MAC, of present and former hosts; disks of present hosts that no domain uses; a network of the lab's
 * name and address range. Empty where Terraform's state can't be read: then nothing may be called unknown to it.
 *
 * @throws LabError `libvirt.*` for a hypervisor that can't be asked, `lab.invalid`
 */
export async function orphans(
  lab: Lab,
  known: TerraformState,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly Orphan[]> {
  const found = await Promise.all(lab.libvirt.hypervisors.map((hypervisor) => orphansOn(lab, hypervisor, known, options)));
  return found.flat();
}

/** Those on one of its hypervisors. */
export async function orphansOn(
  lab: Lab,
  hypervisor: HypervisorSettings,
  known: TerraformState,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly Orphan[]> {
  if (known.kind === "unreadable") return [];
  const { uri } = hypervisor;
  const definitions = await candidates(lab, uri, options.signal);
  const pool = await readPool(uri, hypervisor.pool, options);
  const volumes = pool?.active ? await readVolumes(uri, hypervisor.pool, options) : new Map<string, string>();
  const domains = definitions.flatMap((definition) => domainOrphan(lab, hypervisor, definition, volumes, known));
  const infos = await virshBatch(
    uri,
    domains.map(({ name }) => ["dominfo", name]),
    options,
  );
  const states = parseDominfo(infos.stdout);
  const found: readonly Found[] = [
    ...domains.map((orphan) => ({ ...orphan, state: states.get(orphan.name)?.state ?? orphan.state })),
    ...(await freeVolumes(lab, hypervisor, volumes, known, options.signal)),
    ...(await networkOrphans(lab, hypervisor, known, options.signal)),
  ];
  if (found.length === 0) return [];
  const ours = known.kind === "read" && known.resources > 0;
  const active = await activeDomains(uri, options.signal);
  return found.map((orphan) => ({ ...orphan, ours, usedBy: usersOf(orphan, active) }));
}

/** Names of the domains that use an orphan, among those that run. Pure. */
export function usersOf(orphan: Found, active: readonly DomainDefinition[]): readonly string[] {
  return active.filter((domain) => uses(domain, orphan)).map(({ name }) => name);
}

function uses(domain: DomainDefinition, orphan: Found): boolean {
  switch (orphan.kind) {
    case "domain":
      return domain.id === orphan.id || orphan.volumes.some((volume) => hasDisk(domain, volume));
    case "volume":
      return hasDisk(domain, orphan);
    case "network":
      return domain.interfaces.some(
        ({ network, bridge }) => network === orphan.name || (orphan.bridge !== undefined && bridge === orphan.bridge),
      );
    default:
      return orphan satisfies never;
  }
}

/** As a disk of its own, or as an image below one. */
function hasDisk({ disks, backingFiles }: DomainDefinition, { pool, name, path }: VolumeName): boolean {
  return backingFiles.includes(path) || disks.some((disk) => disk.file === path || (disk.pool === pool && disk.volume === name));
}

async function candidates(lab: Lab, uri: string, signal: AbortSignal | undefined): Promise<readonly DomainDefinition[]> {
  const names = (await domainNames(uri, signal)).filter((name) => name.startsWith(`${lab.name}-`));
  return domainDefinitions(uri, names, signal);
}

/** Volumes with the names of the lab's that neither Terraform knows nor any domain uses: another's may have been given such a disk. */
async function freeVolumes(
  lab: Lab,
  hypervisor: HypervisorSettings,
  volumes: ReadonlyMap<string, string>,
  known: TerraformState,
  signal: AbortSignal | undefined,
): Promise<readonly Extract<Found, { kind: "volume" }>[]> {
  const ours = planVms(lab)
    .vms.filter((vm) => vm.hypervisor.name === hypervisor.name)
    .flatMap((vm) => Object.values(volumeNames(vm)).map((name) => ({ name, host: vm.host, path: volumes.get(name) })))
    .flatMap(({ path, ...volume }) => (path === undefined || isKnown(path, known) ? [] : [{ ...volume, path }]));
  if (ours.length === 0) return [];
  const all = await domainDefinitions(hypervisor.uri, await domainNames(hypervisor.uri, signal), signal);
  const used = new Set(
    all.flatMap(({ disks }) => disks.map(({ pool, volume, file }) => (volume === undefined ? (file ?? "") : `${pool}/${volume}`))),
  );
  return ours
    .filter(({ name, path }) => !used.has(path) && !used.has(`${hypervisor.pool}/${name}`))
    .map(({ name, host, path }) => ({ kind: "volume", hypervisor, name, pool: hypervisor.pool, path, host }));
}

function isKnown(path: string, known: TerraformState): boolean {
  return known.kind === "read" && known.volumes.some(({ key }) => key === path);
}

function domainOrphan(
  lab: Lab,
  hypervisor: HypervisorSettings,
  domain: DomainDefinition,
  volumes: ReadonlyMap<string, string>,
  known: TerraformState,
): readonly Extract<Found, { kind: "domain" }>[] {
  const host = hostOf(lab, domain);
  if (host === undefined || (known.kind === "read" && known.domains.has(domain.id))) return [];
  const names = volumeNames({ domainName: domain.name });
  const own = [names.disk, names.seed].flatMap((name) => {
    const path = volumes.get(name);
    return path === undefined || isKnown(path, known) ? [] : [{ pool: hypervisor.pool, name, path }];
  });
  return [{ kind: "domain", hypervisor, name: domain.name, id: domain.id, host, state: "unknown", volumes: own }];
}

async function networkOrphans(
  lab: Lab,
  hypervisor: HypervisorSettings,
  known: TerraformState,
  signal: AbortSignal | undefined,
): Promise<readonly Extract<Found, { kind: "network" }>[]> {
  const name = networkName(lab);
  if (name === undefined) return [];
  const found = (await networkDefinitions(hypervisor.uri, [name], signal)).find((each) => each.name === name);
  // One of another range is not this lab's; preflight says that the name is taken.
  if (
    found === undefined ||
    !found.ranges.includes(ipv4Network(lab.network.cidr).cidr) ||
    (known.kind === "read" && known.networks.has(found.id))
  )
    return [];
  return [{ kind: "network", hypervisor, name, id: found.id, bridge: found.bridge }];
}

/**
 * Removes an orphan: a domain is powered off and undefined, its own volumes are deleted. Volumes that Terraform knows stay, and so does anything that is another one by now:
 * everything is addressed by its UUID. A second call changes nothing.
 *
 * @throws LabError `libvirt.in-use` where a VM uses it by now that did not when it was found; `libvirt.*`
 */
export async function removeOrphan(orphan: Orphan, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
  const { uri } = orphan.hypervisor;
  const others = usersOf(orphan, await activeDomains(uri, options.signal)).filter((name) => !orphan.usedBy.includes(name));
  if (others.length > 0) throw inUse(orphan.name, uri, others);
  switch (orphan.kind) {
    case "domain": {
      // It may be off already.
      await virsh(uri, ["destroy", orphan.id], options);
      const gone = async () => !(await virshOutput(uri, ["list", "--all", "--uuid"], options)).split("\n").includes(orphan.id);
      if (!(await gone())) {
        const flags = ["--managed-save", "--snapshots-metadata", "--nvram"];
        await virshOutput(uri, ["undefine", orphan.id, ...flags], options);
      }
      for (const { pool, name } of orphan.volumes) await removeVolume(uri, pool, name, options);
      return;
    }
    case "volume":
      return removeVolume(uri, orphan.pool, orphan.name, options);
    case "network": {
      // It may be inactive already.
      await virsh(uri, ["net-destroy", orphan.id], options);
      const left = await virsh(uri, ["net-dumpxml", orphan.id], options);
      if (left.ok) await virshOutput(uri, ["net-undefine", orphan.id], options);
      return;
    }
    default:
      return orphan satisfies never;
  }
}

async function removeVolume(
  uri: string,
  pool: string,
  name: string,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const volumes = await readVolumes(uri, pool, options);
  if (volumes.has(name)) await virshOutput(uri, ["vol-delete", "--pool", pool, name], options);
}
