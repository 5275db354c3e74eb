import { isLabError, whatOf } from "../../base/error.ts";
import { allSettledLimited } from "../../base/limit.ts";
import { expectedError } from "../../base/system-error.ts";
import { KnownHosts, pinNameOf } from "../../connection/known-hosts.ts";
import { placeLab } from "../../lab/placement.ts";
import { TARGETS, type TargetName } from "../../lab/targets.ts";
import { planVms, type Vm } from "../../lab/vms.ts";
import { domainStates } from "../../libvirt/domains.ts";
import { renewDisk } from "../../libvirt/rebuild.ts";
import { repairDeployed } from "../../libvirt/repair-deployed.ts";
import { readTerraformState, type TerraformState } from "../../libvirt/terraform-state.ts";
import { readState, statePaths, writeState } from "../../project/state.ts";
import { stopEverything } from "../down.ts";
import { noVms, vmAbsent } from "../errors.ts";
import { healFaults } from "../fault.ts";
import { type SessionOptions, withSession } from "../session.ts";
import { bringUpLocked, type UpReport } from "../up.ts";
import { withLabLock } from "./inside-terraform.ts";

/** Disks that are made again at the same time on all hypervisors: each is a power cycle, and the boots that follow share the processors. */
const CONCURRENCY = 4;

/** What a rebuild of VMs did. */
export interface RebuildReport {
  readonly lab: string;
  readonly target: string;
  /** Hosts whose disk was made again from the image. */
  readonly renewed: readonly string[];
  /** Hosts where that failed; then nothing was brought up. */
  readonly failures: readonly { readonly host: string; readonly error: string }[];
  readonly up: UpReport | undefined;
}

export interface RebuildOptions extends SessionOptions {
  readonly now: () => Date;
}

/** True where a rebuild means new disks for VMs and not the wiping of folders. */
export function rebuildsVms(target: TargetName): boolean {
  return TARGETS[target].machines === "terraform";
}

/**
 * Puts the VMs of a lab back to their image and brings the lab up again: instances are stopped where they can be reached, disks made again in place, pins dropped. Domains,
 * network, image and what was compiled stay; Terraform finds nothing to do. Running it again after an interruption starts over.
 *
 * @throws LabError `operations.no-vms`, `operations.vm-absent`, `libvirt.*` before anything is touched; those of `up` later
 */
export async function rebuildVms(options: RebuildOptions): Promise<RebuildReport> {
  const { lab, target, project, emit, signal } = options;
  return withLabLock(options, `rebuild ${lab.name}`, async () => {
    const { vms } = planVms(lab);
    await assertAllThere(options, vms);
    const terraform = await readTerraformState({ root: project.root, lab: lab.name, environment: options.environment, signal });
    // No VM starts without its network.
    await putBack(options, terraform);
    await stopWhatRuns(options);
    signal?.throwIfAborted();
    await forgetVms(options, vms);
    const results = await allSettledLimited(vms, CONCURRENCY, async (vm) => {
      signal?.throwIfAborted();
      const step = { type: "step", host: vm.host, step: "disk" } as const;
      emit({ ...step, state: "started", detail: "made again from the image" });
      try {
        await renewDisk(vm, { terraform, signal, emit });
      } catch (error) {
        emit({ ...step, state: "failed", detail: whatOf(error) });
        throw error;
      }
      emit({ ...step, state: "changed", detail: "made again from the image" });
      return vm.host;
    });
    signal?.throwIfAborted();
    const failures = results.flatMap((result, index) =>
      result.status === "rejected" ? [{ host: vms[index]?.host ?? "", error: expectedError(result.reason).message }] : [],
    );
    const renewed = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const up = failures.length === 0 ? await bringUpLocked(options) : undefined;
    return { lab: lab.name, target, renewed, failures, up };
  });
}

/** Puts back what the lab has lost around its VMs, and says so. */
export async function putBack({ lab, emit, signal }: RebuildOptions, terraform: TerraformState): Promise<void> {
  const { done, failed } = await repairDeployed(lab, terraform, { emit, signal });
  for (const text of done) emit({ type: "notice", level: "info", text });
  for (const { what, why } of failed) emit({ type: "notice", level: "warning", text: `a repair failed: ${what} (${why})` });
}

/** A rebuild that wipes some hosts and misses others would leave two halves that do not fit. */
async function assertAllThere({ lab, signal }: RebuildOptions, vms: readonly Vm[]): Promise<void> {
  const statuses = [...(await domainStates(lab, { signal })).values()];
  if (statuses.every(({ state }) => state === "absent")) throw noVms(lab.name);
  for (const { host, state, error, domainName } of statuses) {
    if (state === "unknown" && error !== undefined) throw error;
    if (state === "absent" || !vms.some((vm) => vm.host === host)) throw vmAbsent(lab.name, host, domainName);
  }
}

/** Best effort: what can't be reached is powered off a moment later, and its data go anyway. */
async function stopWhatRuns(options: RebuildOptions): Promise<void> {
  try {
    await withSession(options, async (session) => {
      await healFaults(session, [], "down");
      return stopEverything(session, new Map());
    });
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!isLabError(error)) throw error;
    options.emit({ type: "notice", level: "info", text: `Not everything could be stopped before: ${error.what}` });
  }
}

/** Before the disks go: their host keys go with them, and an interruption must not leave a pin that no host has. */
async function forgetVms({ project, lab, target }: RebuildOptions, vms: readonly Vm[]): Promise<void> {
  const paths = statePaths(project, lab.name, target);
  const pins = new KnownHosts(paths.knownHostsFile);
  for (const host of placeLab(lab, { target, ...paths }).hosts) await pins.drop(pinNameOf({ ...host.ssh, address: host.address }));
  const state = await readState(paths);
  const disks = new Map(vms.map(({ host, diskGiB }) => [host, diskGiB]));
  const next = Object.entries(state.vms ?? {}).map(([host, vm]) => [host, { ...vm, diskGiB: disks.get(host) ?? vm.diskGiB }] as const);
  await writeState(paths, { ...state, members: [], ...(state.vms !== undefined && { vms: Object.fromEntries(next) }) });
}
