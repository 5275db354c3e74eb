import { isLabError, whatOf } from "../base/error.ts";
import { plainText } from "../base/terminal-text.ts";
import type { Lab } from "../lab/schema.ts";
import { missingOfDeployed } from "./deployed.ts";
import { orphans } from "./orphans.ts";
import { leftOver } from "./preflight-names.ts";
import { readTerraformState } from "./terraform-state.ts";

/** How long a synth waits for Terraform's backend and the hypervisors together, in milliseconds. */
const GLANCE_MS = 15_000;

/**
 * What the next deploy or destroy of a lab would stumble over, as texts for people: what is gone that Terraform made, and what is there that it does not know. A synth asks, as it is the one
 * thing of ours that runs before Terraform looks at the VMs, where it ends in its provider's words. Empty where nothing was made, and where a hypervisor can't be asked, or not in time: Terraform says that itself. Never rejects, as no synth may fail by a look.
 */
export async function glanceBeforeDeploy(
  lab: Lab,
  options: { readonly root: string; readonly environment: NodeJS.ProcessEnv },
): Promise<readonly string[]> {
  const signal = AbortSignal.timeout(GLANCE_MS);
  try {
    const terraform = await readTerraformState({ ...options, lab: lab.name, signal });
    if (terraform.kind !== "read" || terraform.resources === 0) return [];
    const [missing, left] = await Promise.all([missingOfDeployed(lab, terraform, { signal }), orphans(lab, terraform, { signal })]);
    return [...missing, ...left.map((orphan) => leftOver(lab, orphan))].map(({ what, why, next }) =>
      plainText([what, why, next].filter((part) => part !== undefined).join(" ")),
    );
  } catch (error) {
    if (signal.aborted || isLabError(error)) return [];
    const next = `npx redis-lab preflight ${lab.name} looks again.`;
    return [
      plainText(`What is in the way of a deploy is not known: the answer of a hypervisor was not understood (${whatOf(error)}). ${next}`),
    ];
  }
}
