import type { Lab } from "../../lab/schema.ts";
import { TARGETS, type TargetName } from "../../lab/targets.ts";
import { planVms } from "../../lab/vms.ts";
import type { LabState } from "../../project/state.ts";
import { formerHosts } from "./former.ts";

/** Why Terraform makes a VM again. */
export interface VmChange {
  readonly host: string;
  /** `hardware`: its disk stays; `hypervisor`: it begins again with an empty disk elsewhere. */
  readonly kind: "hardware" | "hypervisor";
  /** For people: `memoryMiB 2048 → 4096`. */
  readonly text: string;
}

/**
 * VMs that the next deploy makes again, as far as the lab tells: what is declared against what was applied last. Another size of disk or another image changes no VM
 * that exists. Pure.
 *
 * @param hypervisors of VMs, by host name, where that is known better than by the state
 * @throws LabError `lab.invalid` for a lab that has no VMs
 */
export function vmsToReplace(
  lab: Lab,
  state: Pick<LabState, "vms">,
  hypervisors: Readonly<Record<string, string | undefined>> = {},
): readonly VmChange[] {
  return planVms(lab).vms.flatMap(({ host, vcpus, memoryMiB, hypervisor }): VmChange[] => {
    const had = state.vms?.[host];
    const former = hypervisors[host] ?? had?.hypervisor;
    if (former !== undefined && former !== hypervisor.name)
      return [{ host, kind: "hypervisor", text: `hypervisor ${former} → ${hypervisor.name}` }];
    if (had === undefined) return [];
    const texts = [
      ...(had.vcpus === vcpus ? [] : [`vcpus ${had.vcpus} → ${vcpus}`]),
      ...(had.memoryMiB === memoryMiB ? [] : [`memoryMiB ${had.memoryMiB} → ${memoryMiB}`]),
    ];
    return texts.length === 0 ? [] : [{ host, kind: "hardware", text: texts.join(", ") }];
  });
}

/** What the leave of a host means. */
export type LeaveDecision =
  /** The lab declares it, and its VM is not made again for a reason that the lab tells: a whole `cdktf destroy`, or nothing at all. */
  | { readonly kind: "stays" }
  /** Its VM is made again and comes back. */
  | { readonly kind: "replaced"; readonly change: VmChange }
  /** Several VMs would be made again at once: Terraform destroys all before it creates any. */
  | { readonly kind: "too-many"; readonly changes: readonly VmChange[] }
  /** The lab declares it no more; `instances` are those that it had. */
  | { readonly kind: "gone"; readonly instances: readonly string[] }
  /** The lab declares no such host, and nothing is remembered of one. */
  | { readonly kind: "unknown" };

/**
 * Pure.
 *
 * @param hypervisor on which the VM is, where Terraform says so
 */
export function decideLeave(
  lab: Lab,
  target: TargetName,
  state: Pick<LabState, "members" | "vms">,
  host: string,
  hypervisor?: string,
): LeaveDecision {
  if (lab.hosts.some(({ name }) => name === host)) {
    if (TARGETS[target].machines !== "terraform") return { kind: "stays" };
    const changes = vmsToReplace(lab, state, { [host]: hypervisor });
    const change = changes.find((each) => each.host === host);
    if (change === undefined) return { kind: "stays" };
    return changes.length === 1 ? { kind: "replaced", change } : { kind: "too-many", changes };
  }
  const members = formerHosts(lab, state).get(host);
  return members === undefined ? { kind: "unknown" } : { kind: "gone", instances: members.map(({ id }) => id) };
}
