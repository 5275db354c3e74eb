import { existsSync } from "node:fs";
import type { HypervisorSettings, Lab } from "../lab/schema.ts";
import type { Vm } from "../lab/vms.ts";
import { type AppArmorFacts, readAppArmor } from "./app-armor.ts";
import { type DeployedFacts, observeDeployed } from "./deployed.ts";
import { type DomainDefinition, type DomainState, domainDefinitions, parseDominfo } from "./domains.ts";
import { type Orphan, orphansOn } from "./orphans.ts";
import type { TerraformState } from "./terraform-state.ts";
import { barredFolder, bridgeKind, type ReachedNetwork, reachedNetworks } from "./this-computer.ts";
import { isLocalUri } from "./uri.ts";
import { virsh, virshBatch, virshOutput } from "./virsh.ts";
import { readXml, type XmlElement, xmlAll, xmlText } from "./xml.ts";

/** What one look at a hypervisor found; the rules judge it without asking again. */
export interface HypervisorFacts extends DeployedFacts {
  /** `QEMU 7.2.22` */
  readonly version: string;
  /** What libvirt said when a volume could not be made in the pool. */
  readonly poolRefusal: string | undefined;
  /** Folder on the way to the pool through which qemu's user can't get; on this computer alone. */
  readonly barredFolder: string | undefined;
  /** Undefined where this libvirt confines no VM by AppArmor. */
  readonly appArmor: AppArmorFacts | undefined;
  /** Domains with the names of the lab's VMs. */
  readonly domains: readonly DomainDefinition[];
  readonly states: ReadonlyMap<string, DomainState>;
  readonly orphans: readonly Orphan[];
  /** What libvirt said when it was asked for a type of VM that it can't run. */
  readonly refusals: Readonly<Record<"kvm" | "qemu", string | undefined>>;
  /** Undefined where the hypervisor does not tell. */
  readonly memory: { readonly totalMiB: number; readonly availableMiB: number } | undefined;
  /** What only the hypervisor's own computer knows; undefined for another one. */
  readonly computer: ComputerFacts | undefined;
}

export interface ComputerFacts {
  readonly hasKvmDevice: boolean;
  readonly networks: readonly ReachedNetwork[];
  /** Undefined where the lab has a network of its own, and where it could not be found out. */
  readonly bridge: "bridge" | "other" | "absent" | undefined;
  /** The socket that the provider speaks to, where it is missing although virsh got through. */
  readonly missingSocket: string | undefined;
}

/** libvirtd's socket, which the provider uses for `qemu:///system` (uri/unix.go of 0.8.3); with separate daemons virtproxyd makes it. */
const PROVIDER_SOCKET = "/var/run/libvirt/libvirt-sock";

/**
 * Looks at a hypervisor.
 *
 * @throws LabError `libvirt.*` where it can't be asked
 */
export async function observeHypervisor(
  lab: Lab,
  hypervisor: HypervisorSettings,
  vms: readonly Vm[],
  known: TerraformState,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<HypervisorFacts> {
  const { uri } = hypervisor;
  const version = await virshOutput(uri, ["version"], options);
  const [deployed, refusals, memory, found] = await Promise.all([
    observeDeployed(lab, hypervisor, options),
    readRefusals(uri, options.signal),
    virsh(uri, ["nodememstats"], options),
    domainsNamed(uri, vms, options.signal),
  ]);
  const { pool } = deployed;
  const capabilities = await readXml(await virshOutput(uri, ["capabilities"], options));
  return {
    ...deployed,
    version: /^Running hypervisor:\s*(.+)$/m.exec(version)?.[1] ?? /^Using API:\s*(.+)$/m.exec(version)?.[1] ?? "",
    poolRefusal: pool?.active ? await tryPool(uri, hypervisor.pool, `${lab.name}.preflight`, options) : undefined,
    barredFolder: isLocalUri(uri) && pool?.path !== undefined ? barredForQemu(capabilities, pool.path) : undefined,
    appArmor: readAppArmor(capabilities, isLocalUri(uri)),
    ...found,
    orphans: await orphansOn(lab, hypervisor, known, options),
    refusals,
    memory: memory.ok ? parseMemory(memory.stdout) : undefined,
    computer: isLocalUri(uri) ? await observeComputer(lab, uri, options.signal) : undefined,
  };
}

async function observeComputer(lab: Lab, uri: string, signal: AbortSignal | undefined): Promise<ComputerFacts> {
  const { network } = lab.libvirt;
  const asksForIt = /^qemu:\/\/\/system/.test(uri) && !/[?&]socket=/.test(uri);
  return {
    hasKvmDevice: existsSync("/dev/kvm"),
    networks: await reachedNetworks(signal),
    bridge: network.mode === "bridge" ? await bridgeKind(network.bridge, signal) : undefined,
    missingSocket: asksForIt && !existsSync(PROVIDER_SOCKET) ? PROVIDER_SOCKET : undefined,
  };
}

async function readRefusals(uri: string, signal: AbortSignal | undefined): Promise<HypervisorFacts["refusals"]> {
  const ask = async (type: "kvm" | "qemu") => {
    const result = await virsh(uri, ["domcapabilities", "--virttype", type, "--arch", "x86_64"], { signal });
    return result.ok ? undefined : lastLine(result.message);
  };
  const [kvm, qemu] = await Promise.all([ask("kvm"), ask("qemu")]);
  return { kvm, qemu };
}

async function domainsNamed(
  uri: string,
  vms: readonly Vm[],
  signal: AbortSignal | undefined,
): Promise<Pick<HypervisorFacts, "domains" | "states">> {
  const names = vms.map(({ domainName }) => domainName);
  const infos = await virshBatch(
    uri,
    names.map((name) => ["dominfo", name]),
    { signal },
  );
  const states = new Map([...parseDominfo(infos.stdout)].map(([name, { state }]) => [name, state] as const));
  return { domains: await domainDefinitions(uri, [...states.keys()], signal), states };
}

/** Makes an empty volume and removes it: nothing else tells whether libvirt may write there (a read-only file system, a share that does not know root). */
async function tryPool(
  uri: string,
  pool: string,
  name: string,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<string | undefined> {
  const made = await virsh(uri, ["vol-create-as", pool, name, "4096", "--allocation", "0", "--format", "raw"], options);
  // One that is there was left by a run that was killed.
  if (!made.ok && !/exists already|already exists/.test(made.message)) return lastLine(made.message);
  await virsh(uri, ["vol-delete", "--pool", pool, name], options);
  return undefined;
}

/** Who qemu runs as stands in the capabilities: the base label of the security driver "dac" (`+64055:+64055`). */
function barredForQemu(capabilities: XmlElement, folder: string): string | undefined {
  const dac = xmlAll(capabilities, "host/secmodel").find((model) => xmlText(model, "model") === "dac");
  const label = /^\+?(\d+):\+?(\d+)$/.exec(xmlText(dac, "baselabel") ?? "");
  return label === null ? undefined : barredFolder(folder, { uid: Number(label[1]), gid: Number(label[2]) });
}

/** `total : 24684092 KiB` and others of `virsh nodememstats`; what the cache holds is as good as free. */
export function parseMemory(text: string): HypervisorFacts["memory"] {
  const fields = new Map([...text.matchAll(/^(\w+)\s*:\s*(\d+) KiB$/gm)].map(([, key = "", value = ""]) => [key, Number(value)]));
  const total = fields.get("total");
  if (total === undefined) return undefined;
  const available = (fields.get("free") ?? 0) + (fields.get("buffers") ?? 0) + (fields.get("cached") ?? 0);
  return { totalMiB: Math.floor(total / 1024), availableMiB: Math.floor(available / 1024) };
}

function lastLine(text: string): string {
  return text.split("\n").at(-1) ?? "";
}
