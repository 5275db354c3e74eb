import { isLabError } from "../error.ts";
import type { Emit } from "../events.ts";
import type { Lab } from "../lab/schema.ts";
import { planVms, type VmPlan } from "../lab/vms.ts";
import { ensureImage } from "../libvirt/images.ts";
import { findingOf, runPreflight } from "../libvirt/preflight.ts";
import type { PreflightCheck } from "../libvirt/preflight-finding.ts";
import type { Project } from "../project/project.ts";

export interface PreflightOptions {
  readonly project: Project;
  readonly lab: Lab;
  readonly environment: NodeJS.ProcessEnv;
  readonly emit: Emit;
  readonly signal?: AbortSignal | undefined;
}

export interface PreflightReport {
  readonly lab: string;
  readonly checks: readonly PreflightCheck[];
  /** Nothing was found that would stop a deploy. */
  readonly ready: boolean;
}

/**
 * Checks what would stop `cdktf deploy` of a lab later, then fetches and verifies its image; the image is left alone where something is wrong already, as it takes minutes.
 *
 * @throws LabError `lab.invalid` for a lab that has no VMs
 */
export async function preflight(options: PreflightOptions): Promise<PreflightReport> {
  const { project, lab, environment, emit, signal } = options;
  const plan = planVms(lab);
  emit({ type: "step", host: undefined, step: "preflight", state: "started", detail: `${plan.vms.length} VMs` });
  const checks = await runPreflight(lab, { root: project.root, environment, signal });
  const failed = (each: PreflightCheck) => each.findings.some(({ severity }) => severity === "error");
  emit({ type: "step", host: undefined, step: "preflight", state: checks.some(failed) ? "failed" : "unchanged" });
  if (checks.some(failed)) return { lab: lab.name, checks, ready: false };
  const fetched = await checkImage(lab, plan, { emit, signal });
  return { lab: lab.name, checks: [...checks, fetched], ready: !failed(fetched) };
}

async function checkImage(
  lab: Lab,
  { image, vms }: VmPlan,
  options: { readonly emit: Emit; readonly signal: AbortSignal | undefined },
): Promise<PreflightCheck> {
  const check = { name: "image", hypervisor: undefined };
  try {
    const { path, virtualBytes, fetched } = await ensureImage(image, options);
    const gib = virtualBytes / 2 ** 30;
    const small = vms.filter(({ diskGiB }) => diskGiB < gib);
    return {
      ...check,
      seen: `${path}${fetched ? "" : ", fetched before"}`,
      findings:
        small.length === 0
          ? []
          : [
              {
                severity: "error",
                code: "image.larger-than-disk",
                what: `The disk in the image has ${gib.toFixed(1)} GiB, more than those of ${small.map(({ host }) => host).join(", ")}.`,
                why: "A disk lies over the image, and can't be smaller.",
                next: `Declare diskGiB of at least ${Math.ceil(gib)} in the lab "${lab.name}".`,
              },
            ],
    };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!isLabError(error)) throw error;
    return { ...check, seen: image.location, findings: [findingOf(error)] };
  }
}
