import type { LabError } from "../base/error.ts";
import { isLabError } from "../base/error.ts";
import type { Lab } from "../lab/schema.ts";
import { macOf, planVms, type Vm } from "../lab/vms.ts";
import { isPlainName, virsh, virshBatch, virshOutput } from "./virsh.ts";
import { readXml, type XmlElement, xmlAll, xmlAttribute, xmlText } from "./xml.ts";

/** `paused` includes a suspended guest, `off` a crashed one; `unknown`: its hypervisor could not be asked. */
export type DomainState = "running" | "paused" | "off" | "absent" | "unknown";

/** The VM of a host as it is. */
export interface DomainStatus {
  readonly host: string;
  readonly domainName: string;
  /** Name of its hypervisor. */
  readonly hypervisor: string;
  readonly state: DomainState;
  /** UUID; undefined where it is absent or unknown. */
  readonly id?: string;
  readonly vcpus?: number;
  readonly memoryMiB?: number;
  /** Why the state is unknown. */
  readonly error?: LabError;
}

/**
 * The VMs of a lab as they are, by host name, in the order of the lab. One connection to each hypervisor; one that can't be asked makes its VMs `unknown`.
 *
 * @throws LabError `lab.invalid` for a lab that has no VMs
 */
export async function domainStates(
  lab: Lab,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ReadonlyMap<string, DomainStatus>> {
  const { vms } = planVms(lab);
  const found = await Promise.all([...byHypervisor(vms)].map(([uri, own]) => statesOn(uri, own, options.signal)));
  const byHost = new Map(found.flat().map((status) => [status.host, status]));
  return new Map(
    vms.flatMap(({ host }) => [byHost.get(host)].flatMap((status) => (status === undefined ? [] : [[host, status] as const]))),
  );
}

/** The state of one VM. */
export async function domainState(vm: Vm, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<DomainStatus> {
  const [status] = await statesOn(vm.hypervisor.uri, [vm], options.signal);
  return status ?? { ...identity(vm), state: "unknown" };
}

/** VMs by the URI of their hypervisor. */
export function byHypervisor(vms: readonly Vm[]): ReadonlyMap<string, readonly Vm[]> {
  const groups = new Map<string, Vm[]>();
  for (const vm of vms) groups.set(vm.hypervisor.uri, [...(groups.get(vm.hypervisor.uri) ?? []), vm]);
  return groups;
}

async function statesOn(uri: string, vms: readonly Vm[], signal: AbortSignal | undefined): Promise<readonly DomainStatus[]> {
  try {
    const commands = vms.map(({ domainName }) => ["dominfo", domainName]);
    const { stdout } = await virshBatch(uri, commands, { signal });
    const infos = parseDominfo(stdout);
    return vms.map((vm) => ({ ...identity(vm), ...(infos.get(vm.domainName) ?? { state: "absent" }) }));
  } catch (error) {
    signal?.throwIfAborted();
    if (!isLabError(error)) throw error;
    return vms.map((vm) => ({ ...identity(vm), state: "unknown", error }));
  }
}

function identity({ host, domainName, hypervisor }: Vm): Pick<DomainStatus, "host" | "domainName" | "hypervisor"> {
  return { host, domainName, hypervisor: hypervisor.name };
}

/** Blocks of `Name: …` lines of `virsh dominfo`, by name. */
export function parseDominfo(text: string): ReadonlyMap<string, Pick<DomainStatus, "id" | "state" | "vcpus" | "memoryMiB">> {
  const found = new Map<string, Pick<DomainStatus, "id" | "state" | "vcpus" | "memoryMiB">>();
  // A domain that is off has `Id: -`; every block begins with that line.
  for (const block of text.split(/^(?=Id:\s)/m)) {
    const fields = new Map([...block.matchAll(/^([^:\n]+):[ \t]*(.*)$/gm)].map(([, key = "", value = ""]) => [key, value.trim()]));
    const name = fields.get("Name");
    if (name === undefined) continue;
    const id = fields.get("UUID");
    const vcpus = Number(fields.get("CPU(s)"));
    const memory = /^(\d+) KiB$/.exec(fields.get("Max memory") ?? "")?.[1];
    found.set(name, {
      state: stateOf(fields.get("State") ?? ""),
      ...(id !== undefined && { id }),
      ...(vcpus > 0 && { vcpus }),
      ...(memory !== undefined && { memoryMiB: Math.round(Number(memory) / 1024) }),
    });
  }
  return found;
}

/** The words of virsh's domain-monitor. */
function stateOf(word: string): DomainState {
  switch (word) {
    case "running":
    case "idle":
    case "in shutdown":
      return "running";
    case "paused":
    case "pmsuspended":
      return "paused";
    case "shut off":
    case "crashed":
      return "off";
    default:
      return "unknown";
  }
}

/** A disk of a domain: a volume of a pool, or a file. */
export interface DomainDisk {
  /** `vda` */
  readonly target: string;
  /** `disk` or `cdrom` */
  readonly device: string;
  readonly pool: string | undefined;
  readonly volume: string | undefined;
  readonly file: string | undefined;
}

/** A network interface of a domain: into a network of libvirt, or into a bridge. */
export interface DomainInterface {
  /** Name of the network. */
  readonly network: string | undefined;
  /** Of a running domain also where it is in a network. */
  readonly bridge: string | undefined;
  /** Its end on the hypervisor (`vnet0`), of a running domain alone. */
  readonly tap: string | undefined;
}

/** What is read of a domain's definition. */
export interface DomainDefinition {
  readonly name: string;
  readonly id: string;
  /** Lower case. */
  readonly macs: readonly string[];
  readonly interfaces: readonly DomainInterface[];
  readonly disks: readonly DomainDisk[];
  /** Paths of the images below its disks, of a running domain alone. */
  readonly backingFiles: readonly string[];
}

export function readDomain(xml: XmlElement): DomainDefinition {
  return {
    name: xmlText(xml, "name") ?? "",
    id: xmlText(xml, "uuid") ?? "",
    macs: xmlAll(xml, "devices/interface/mac").flatMap(({ attributes }) => attributes["address"]?.toLowerCase() ?? []),
    interfaces: xmlAll(xml, "devices/interface").map((each) => ({
      network: xmlAttribute(each, "source", "network"),
      bridge: xmlAttribute(each, "source", "bridge"),
      tap: xmlAttribute(each, "target", "dev"),
    })),
    disks: xmlAll(xml, "devices/disk").map((disk) => ({
      target: xmlAttribute(disk, "target", "dev") ?? "",
      device: disk.attributes["device"] ?? "disk",
      pool: xmlAttribute(disk, "source", "pool"),
      volume: xmlAttribute(disk, "source", "volume"),
      file: xmlAttribute(disk, "source", "file"),
    })),
    backingFiles: xmlAll(xml, "devices/disk").flatMap(backingFilesOf),
  };
}

/** One below the other. */
function backingFilesOf(disk: XmlElement): readonly string[] {
  return xmlAll(disk, "backingStore").flatMap((below) => {
    const file = xmlAttribute(below, "source", "file");
    return [...(file === undefined ? [] : [file]), ...backingFilesOf(below)];
  });
}

/** Names of all domains of a hypervisor. */
export async function domainNames(uri: string, signal?: AbortSignal): Promise<readonly string[]> {
  const text = await virshOutput(uri, ["list", "--all", "--name"], { signal });
  return text.split("\n").filter((line) => line !== "");
}

/** What the next start of a domain gives it, or what it has while it runs: something may have been plugged in since, and one that is nowhere defined has nothing else. */
type Which = "inactive" | "live";

const FLAGS: Readonly<Record<Which, readonly string[]>> = { inactive: ["--inactive"], live: [] };

/** Definitions of domains, over one connection; one that went away meanwhile is left out. */
export async function domainDefinitions(
  uri: string,
  names: readonly string[],
  signal?: AbortSignal,
  which: Which = "inactive",
): Promise<readonly DomainDefinition[]> {
  const commands = names.filter(isPlainName).map((name) => ["dumpxml", ...FLAGS[which], name]);
  const { stdout } = await virshBatch(uri, commands, { signal });
  const documents = stdout.split(/(?<=<\/domain>)/).filter((part) => part.includes("</domain>"));
  const plain = await Promise.all(documents.map(async (document) => readDomain(await readXml(document))));
  const odd = await Promise.all(names.filter((name) => !isPlainName(name)).map((name) => domainDefinition(uri, name, signal, which)));
  return [...plain, ...odd.filter((domain) => domain !== undefined)];
}

/** The definition of one domain; undefined where there is none. */
export async function domainDefinition(
  uri: string,
  name: string,
  signal?: AbortSignal,
  which: Which = "inactive",
): Promise<DomainDefinition | undefined> {
  const result = await virsh(uri, ["dumpxml", ...FLAGS[which], "--domain", name], { signal });
  return result.ok ? readDomain(await readXml(result.stdout)) : undefined;
}

/** All domains of a hypervisor that run or are paused, of this lab and of others, as they are now, in the order of their names. */
export async function activeDomains(uri: string, signal?: AbortSignal): Promise<readonly DomainDefinition[]> {
  const text = await virshOutput(uri, ["list", "--name"], { signal });
  return domainDefinitions(
    uri,
    text
      .split("\n")
      .filter((line) => line !== "")
      .sort(),
    signal,
    "live",
  );
}

/**
 * The host of a lab whose VM a domain is; undefined for a domain that only has such a name. The proof is the MAC, which is derived from lab and host: "cluster-b-redis-18" may be
 * redis-18 of the lab "cluster-b" or b-redis-18 of "cluster".
 */
export function hostOf(lab: Pick<Lab, "name">, domain: Pick<DomainDefinition, "name" | "macs">): string | undefined {
  if (!domain.name.startsWith(`${lab.name}-`)) return undefined;
  const host = domain.name.slice(lab.name.length + 1);
  return domain.macs.includes(macOf(lab.name, host)) ? host : undefined;
}
