import type { HypervisorSettings, Lab } from "../lab/schema.ts";
import type { Vm } from "../lab/vms.ts";
import type { TerraformState } from "./terraform-state.ts";

/** Something that would stop a deploy (`error`), or may (`warning`). */
export interface PreflightFinding {
  readonly severity: "error" | "warning";
  /** Stable name of the case. */
  readonly code: string;
  readonly what: string;
  readonly why?: string | undefined;
  readonly next: string;
}

/** One thing that was looked at. */
export interface PreflightCheck {
  readonly name: string;
  /** Name of the hypervisor; undefined for this computer. */
  readonly hypervisor: string | undefined;
  /** What was seen, in a few words. */
  readonly seen: string;
  /** Empty where all is well. */
  readonly findings: readonly PreflightFinding[];
}

/** What a hypervisor is to carry. */
export interface Wanted {
  readonly lab: Lab;
  readonly hypervisor: HypervisorSettings;
  /** Its VMs alone. */
  readonly vms: readonly Vm[];
  /** Size of the image's file; an estimate before it was fetched. */
  readonly imageBytes: number;
  readonly terraform: TerraformState;
}

/** In bytes. */
export const GIB = 2 ** 30;
export const MIB = 2 ** 20;

export function gibibytes(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}
