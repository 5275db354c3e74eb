import type { Lab } from "../lab/schema.ts";
import { hostOf } from "./domains.ts";
import { volumeNames } from "./names.ts";
import type { Orphan } from "./orphans.ts";
import type { HypervisorFacts } from "./preflight-facts.ts";
import type { PreflightFinding, Wanted } from "./preflight-finding.ts";
import { virshCommand } from "./uri.ts";

/** Names of VMs and volumes are free, or Terraform's; what is left over of the lab is reported. Pure. */
export function judgeNames({ lab, hypervisor, vms, terraform }: Wanted, facts: HypervisorFacts): PreflightFinding[] {
  const findings = facts.orphans.map((orphan) => leftOver(lab, orphan));
  for (const domain of facts.domains) {
    if (hostOf(lab, domain) !== undefined || (terraform.kind === "read" && terraform.domains.has(domain.id))) continue;
    findings.push({
      severity: "error",
      code: "domain.name-taken",
      what: `The name "${domain.name}" is taken by a VM that is not of this lab (its MAC address is another).`,
      next: `Rename or remove it (${virshCommand(hypervisor.uri)} domrename ${domain.name} …), or name the lab or its hosts differently.`,
    });
  }
  const loose = new Set(
    facts.orphans.flatMap((orphan) => (orphan.kind === "domain" ? orphan.volumes.map(({ name }) => name) : [orphan.name])),
  );
  for (const vm of vms) {
    for (const name of Object.values(volumeNames(vm))) {
      const path = facts.volumes.get(name);
      if (path === undefined || loose.has(name) || terraform.kind === "unreadable") continue;
      if (terraform.kind === "read" && terraform.volumes.some(({ key }) => key === path)) continue;
      findings.push({
        severity: "error",
        code: "volume.name-taken",
        what: `The volume "${name}" of the pool "${hypervisor.pool}" is in use by a VM that is not of this lab.`,
        why: "Terraform's provider would take it for the lab's own, and a destroy would delete it.",
        next: "Give that VM another disk, or the lab another pool.",
      });
    }
  }
  if (terraform.kind === "unreadable") {
    findings.push({
      severity: "warning",
      code: "terraform.state-unreadable",
      what: `Terraform's state of the lab can't be read: ${terraform.why}.`,
      why: "Without it nothing can be recognised as left over from a failed deploy.",
      next: `\`terraform state pull\` (or that of the program which TERRAFORM_BINARY_NAME names) must work in cdktf.out/stacks/${lab.name}; \`npx cdktf synth\` makes that folder, and a deploy initialises it.`,
    });
  }
  return findings;
}

/** An orphan as a finding. */
export function leftOver(lab: Pick<Lab, "name">, orphan: Orphan): PreflightFinding {
  const next = `npx redis-lab doctor ${lab.name} --fix removes it, after asking.`;
  switch (orphan.kind) {
    case "domain":
      return {
        severity: "error",
        code: "domain.orphan",
        what: `The VM ${orphan.name} is there (${orphan.state}), and Terraform does not know it.`,
        why:
          orphan.usedBy.length > 0 || !orphan.ours
            ? `It is the lab's by its MAC address. The lab may have been deployed from another computer or folder: then this is theirs, and the state belongs into a shared backend (libvirt.backend). Where the state was lost, terraform.${lab.name}.tfstate.backup has the one before.`
            : "A VM whose start failed is left over by Terraform's provider, and the next deploy stumbles over its name.",
        next,
      };
    case "volume":
      return {
        severity: "error",
        code: "volume.orphan",
        what: `The volume ${orphan.name} is in the pool "${orphan.pool}", and Terraform does not know it.`,
        why: "Terraform's provider would take it as the disk of a new VM, with everything that is on it.",
        next: `${next} What is on it is lost then.`,
      };
    case "network":
      return {
        severity: "error",
        code: "network.orphan",
        what: `The network ${orphan.name} is there, with the lab's addresses, and Terraform does not know it.`,
        why: `The next deploy stumbles over its name.${orphan.usedBy.length > 0 ? ` ${orphan.usedBy.join(", ")} use it: removed, it is gone from under them.` : ""}`,
        next,
      };
    default:
      return orphan satisfies never;
  }
}
