import type { LabError } from "../../base/error.ts";
import { isLabError } from "../../base/error.ts";
import { KnownHosts, pinNameOf } from "../../connection/known-hosts.ts";
import { placeLab } from "../../lab/placement.ts";
import { TARGETS } from "../../lab/targets.ts";
import { planVms, type Vm } from "../../lab/vms.ts";
import { type DomainStatus, domainStates } from "../../libvirt/domains.ts";
import { type LabState, type RememberedVm, readState, statePaths, writeState } from "../../project/state.ts";
import { noVms } from "../errors.ts";
import type { Reach, SessionOptions } from "../session.ts";
import { AwaitedVm, assertRuns } from "./awaited-vm.ts";
import { domainsGiven } from "./inside-terraform.ts";

/** Longest wait for the login to a VM that runs, in milliseconds: seven emulated ones take four minutes. */
const BOOT_TIMEOUT_MS = 600_000;
/** The same where nobody can tell whether there is a VM at all. */
const BLIND_TIMEOUT_MS = 60_000;

/** What there is to know of the VMs of a lab before its hosts are reached. */
export interface Boot {
  /** For the session: waits for each host. */
  readonly reach: Reach;
  /** Neither libvirt nor Terraform said whether there are VMs. */
  readonly blind: boolean;
}

export interface BootOptions extends SessionOptions {
  /** Longest wait for each host, in milliseconds. @default 600000; 60000 where nobody can tell whether there is a VM */
  readonly bootTimeoutMs?: number;
}

/**
 * Looks at the VMs of a lab before its hosts are connected: drops the host-key pins of those that were made again, remembers what they are, and gives the session a way
 * to wait for each. Undefined where machines are given.
 *
 * @throws LabError `operations.no-vms`, `operations.malformed-domains`, `lab.invalid`
 */
export async function bootVms(options: BootOptions): Promise<Boot | undefined> {
  const { lab, target, emit, signal } = options;
  if (TARGETS[target].machines !== "terraform") return undefined;
  const given = domainsGiven(options.environment);
  const statuses = await domainStates(lab, { signal });
  const known = [...statuses.values()];
  if (given === undefined && known.every(({ state }) => state === "absent")) throw noVms(lab.name);
  for (const text of hypervisorsInTheDark(known)) emit({ type: "notice", level: "warning", text });
  await rememberVms(options, statuses, given);
  const { vms } = planVms(lab);
  const isSeen = (host: string) => given?.has(host) === true || (statuses.get(host)?.state ?? "unknown") !== "unknown";
  return {
    blind: !vms.some(({ host }) => isSeen(host)),
    reach: async (host, connect) => {
      const vm = vms.find((each) => each.host === host.name);
      const status = statuses.get(host.name);
      if (vm === undefined || status === undefined) return connect();
      // Terraform made it just now, whatever libvirt says under another name.
      const state = given?.has(host.name) === true && status.state === "absent" ? "unknown" : status.state;
      assertRuns(lab.name, vm, state, "");
      const timeoutMs = options.bootTimeoutMs ?? (isSeen(host.name) ? BOOT_TIMEOUT_MS : BLIND_TIMEOUT_MS);
      const known = new KnownHosts(statePaths(options.project, lab.name, target).knownHostsFile);
      const name = pinNameOf({ ...host.ssh, address: host.address });
      const pins = { keys: () => known.keysOf(name), drop: () => known.drop(name) };
      return new AwaitedVm(options, { vm, asked: state !== "unknown", timeoutMs, pins }).reach(connect);
    },
  };
}

/** One sentence for each reason why a hypervisor could not be asked; that there is no virsh here is none that would be worth a word. */
function hypervisorsInTheDark(statuses: readonly DomainStatus[]): readonly string[] {
  const errors = statuses.flatMap(({ error }) => (error === undefined || error.code === "libvirt.no-virsh" ? [] : [error.what]));
  return [...new Set(errors)].map((what) => `${what} Its VMs are waited for as they are.`);
}

/** A pin belongs to a domain: another id is another machine. Both are written down before anything is connected, so that no later run drops a pin that was made since. */
async function rememberVms(
  options: SessionOptions,
  statuses: ReadonlyMap<string, DomainStatus>,
  given: ReadonlyMap<string, string> | undefined,
): Promise<void> {
  const { lab, project, target } = options;
  const paths = statePaths(project, lab.name, target);
  const state = await readState(paths);
  const pins = new KnownHosts(paths.knownHostsFile);
  const { vms, image } = planVms(lab);
  const placement = placeLab(lab, { target, ...paths });
  const next: Record<string, RememberedVm> = { ...state.vms };
  const idOf = (host: string) => given?.get(host) ?? statuses.get(host)?.id;
  const keepsItsDisk = (host: string) => isAroundItsDisk(host, state.vms ?? {}, idOf);
  for (const vm of vms) {
    const had = state.vms?.[vm.host];
    const status = statuses.get(vm.host);
    const domainId = idOf(vm.host);
    if (domainId === undefined) continue;
    next[vm.host] = rememberedVm(had, domainId, vm, image.sha256, status);
    const host = placement.hosts.find(({ name }) => name === vm.host);
    if (host !== undefined && had?.domainId !== domainId && !keepsItsDisk(vm.host))
      await pins.drop(pinNameOf({ ...host.ssh, address: host.address }));
  }
  const changed: LabState = { ...state, vms: next };
  if (JSON.stringify(changed) !== JSON.stringify(state)) await writeState(paths, changed);
}

/**
 * Whether a VM with another id is the old one with other hardware, around the disk that has its host key: such a replacement was announced for it alone, and its neighbours are the same. After a
 * destroy of the whole lab every VM is another one, with another disk. Pure.
 */
export function isAroundItsDisk(host: string, had: LabState["vms"] & {}, idOf: (host: string) => string | undefined): boolean {
  if (had[host]?.diskStays !== true) return false;
  const others = Object.entries(had).filter(([name]) => name !== host);
  return others.some(([name, { domainId }]) => idOf(name) === domainId);
}

/** What a VM is: of a new one what it was made as, of one that stays what libvirt says, whatever the lab declares by now. Pure. */
export function rememberedVm(
  had: RememberedVm | undefined,
  domainId: string,
  vm: Vm,
  image: string,
  live: Pick<DomainStatus, "id" | "vcpus" | "memoryMiB"> | undefined,
): RememberedVm {
  const own = live?.id === domainId ? live : undefined;
  const before = had?.domainId === domainId ? had : undefined;
  return {
    domainId,
    vcpus: own?.vcpus ?? before?.vcpus ?? vm.vcpus,
    memoryMiB: own?.memoryMiB ?? before?.memoryMiB ?? vm.memoryMiB,
    diskGiB: before?.diskGiB ?? vm.diskGiB,
    image: before?.image ?? image,
    hypervisor: before?.hypervisor ?? vm.hypervisor.name,
  };
}

/** For a session that reached nobody, and nobody could tell whether there is anything to reach. */
export function nothingAnswers(lab: string, unreachable: ReadonlyMap<string, Error>): LabError {
  const [first] = unreachable.values();
  return noVms(
    lab,
    `None of its hosts answers (${isLabError(first) ? first.what.replace(/\.$/, "") : "no connection"}), and there is no virsh here to ask libvirt.`,
  );
}
