import { isLabError, type LabError } from "../base/error.ts";
import { imageOf } from "../lab/images.ts";
import type { HypervisorSettings, Lab } from "../lab/schema.ts";
import { planVms, usedHypervisors } from "../lab/vms.ts";
import { fetchedImage } from "./images.ts";
import { observeHypervisor } from "./preflight-facts.ts";
import type { PreflightCheck, PreflightFinding } from "./preflight-finding.ts";
import { judge } from "./preflight-rules.ts";
import { readTerraformState, type TerraformState } from "./terraform-state.ts";
import { isOnPath } from "./this-computer.ts";

export interface HypervisorPreflightOptions {
  /** Folder of cdktf.json. */
  readonly root: string;
  /** @default that of this process */
  readonly environment?: NodeJS.ProcessEnv;
  /** What Terraform knows of the lab. @default it is asked */
  readonly terraform?: TerraformState;
  readonly signal?: AbortSignal | undefined;
}

/** Size of an image that was not fetched yet, in bytes: about that of CentOS's. */
const USUAL_IMAGE_BYTES = 900e6;

/**
 * Checks on every hypervisor that a lab uses, and on this computer, what would fail later inside Terraform. Everything is looked at, so that all faults are reported at once; a fault is a
 * finding, never an error.
 *
 * @throws LabError `lab.invalid` for a lab that has no VMs
 */
export async function runPreflight(lab: Lab, options: HypervisorPreflightOptions): Promise<readonly PreflightCheck[]> {
  const { vms } = planVms(lab);
  const environment = options.environment ?? process.env;
  const image = imageOf(lab.libvirt);
  const [terraform, file] = await Promise.all([
    options.terraform ?? readTerraformState({ root: options.root, lab: lab.name, environment, signal: options.signal }),
    image === undefined ? undefined : fetchedImage(image),
  ]);
  const used = usedHypervisors(lab, { vms });
  if (!isOnPath("virsh", environment)) return [withoutVirsh()];
  const found = await Promise.all(
    used.map((hypervisor) =>
      checkHypervisor(lab, hypervisor, { terraform, imageBytes: file?.fileBytes ?? USUAL_IMAGE_BYTES, signal: options.signal }),
    ),
  );
  return found.flat();
}

async function checkHypervisor(
  lab: Lab,
  hypervisor: HypervisorSettings,
  given: { readonly terraform: TerraformState; readonly imageBytes: number; readonly signal: AbortSignal | undefined },
): Promise<readonly PreflightCheck[]> {
  const vms = planVms(lab).vms.filter((vm) => vm.hypervisor.name === hypervisor.name);
  const { terraform, imageBytes, signal } = given;
  try {
    const facts = await observeHypervisor(lab, hypervisor, vms, terraform, { signal });
    return judge({ lab, hypervisor, vms, imageBytes, terraform }, facts);
  } catch (error) {
    signal?.throwIfAborted();
    if (!isLabError(error)) throw error;
    return [{ name: "libvirtd", hypervisor: hypervisor.name, seen: hypervisor.uri, findings: [findingOf(error)] }];
  }
}

/** An error as a finding. */
export function findingOf({ code, what, why, next }: LabError): PreflightFinding {
  return { severity: "error", code, what, next, why };
}

function withoutVirsh(): PreflightCheck {
  return {
    name: "virsh",
    hypervisor: undefined,
    seen: "",
    findings: [
      {
        severity: "warning",
        code: "libvirt.no-virsh",
        what: "There is no virsh on this computer: nothing was checked on the hypervisors.",
        why: "Terraform's provider does without, but what it stumbles over it tells in its own words; and doctor, rebuild and the serial console need virsh.",
        next: "apt install libvirt-clients, or dnf install libvirt-client.",
      },
    ],
  };
}
