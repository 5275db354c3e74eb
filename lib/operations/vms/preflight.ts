import { isLabError } from "../../base/error.ts";
import type { Emit } from "../../base/events.ts";
import type { Lab } from "../../lab/schema.ts";
import { terraformsTarget } from "../../lab/targets.ts";
import { planVms, type VmPlan } from "../../lab/vms.ts";
import { ensureImage } from "../../libvirt/images.ts";
import { findingOf, runPreflight } from "../../libvirt/preflight.ts";
import type { PreflightCheck, PreflightFinding } from "../../libvirt/preflight-finding.ts";
import { type Repaired, repairDeployed } from "../../libvirt/repair-deployed.ts";
import { readTerraformState } from "../../libvirt/terraform-state.ts";
import { isInsideTerraform, type Project } from "../../project/project.ts";
import { readState, statePaths, writeState } from "../../project/state.ts";
import { withLabLock } from "./inside-terraform.ts";

export interface PreflightOptions {
  readonly project: Project;
  readonly lab: Lab;
  readonly environment: NodeJS.ProcessEnv;
  readonly emit: Emit;
  readonly signal?: AbortSignal | undefined;
  readonly now: () => Date;
}

export interface PreflightReport {
  readonly lab: string;
  readonly checks: readonly PreflightCheck[];
  /** Nothing was found that would stop a deploy. */
  readonly ready: boolean;
}

/**
 * Puts back what a deployed lab has lost of networks and images, checks what would stop `cdktf deploy` of a lab later, then fetches and verifies its image; the image is left alone where something
 * is wrong already, as it takes minutes. Inside Terraform it remembers that VMs are made now: from then on the lab means them.
 *
 * @throws LabError `lab.invalid` for a lab that has no VMs; inside Terraform `project.locked` where another run keeps the lab's lock
 */
export async function preflight(options: PreflightOptions): Promise<PreflightReport> {
  const { project, lab, environment, emit, signal } = options;
  const plan = planVms(lab);
  emit({ type: "step", host: undefined, step: "preflight", state: "started", detail: `${plan.vms.length} VMs` });
  const terraform = await readTerraformState({ root: project.root, lab: lab.name, environment, signal });
  const repairs = repairsCheck(await repairDeployed(lab, terraform, { emit, signal }));
  const checks = [...repairs, ...(await runPreflight(lab, { root: project.root, environment, terraform, signal }))];
  const failed = (each: PreflightCheck) => each.findings.some(({ severity }) => severity === "error");
  emit({ type: "step", host: undefined, step: "preflight", state: checks.some(failed) ? "failed" : "unchanged" });
  if (checks.some(failed)) return { lab: lab.name, checks, ready: false };
  const fetched = await checkImage(lab, plan, { emit, signal });
  const ready = !failed(fetched);
  if (ready && isInsideTerraform(environment)) await rememberDeploy(options);
  return { lab: lab.name, checks: [...checks, fetched], ready };
}

/** None where there was nothing to do. */
function repairsCheck({ done, failed }: Repaired): readonly PreflightCheck[] {
  if (done.length + failed.length === 0) return [];
  const findings = failed.map(
    ({ what, why }): PreflightFinding => ({
      severity: "warning",
      code: "deployed.not-repaired",
      what: `A repair failed: ${what}.`,
      why,
      next: "What is still missing is listed below, with the way out.",
    }),
  );
  return [{ name: "repairs", hypervisor: undefined, seen: done.join(", "), findings }];
}

/** Under the lab's lock: a `leave` beside it in the same deploy, or an `up` of a person, must not lose what it writes to the state meanwhile. Neither of them waits for Terraform while it has the lock. */
async function rememberDeploy(options: PreflightOptions): Promise<void> {
  const { project, lab, now } = options;
  const target = terraformsTarget();
  const paths = statePaths(project, lab.name, target);
  await withLabLock({ ...options, target }, `preflight ${lab.name}`, async () =>
    writeState(paths, { ...(await readState(paths)), deployBegan: now().toISOString() }),
  );
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
