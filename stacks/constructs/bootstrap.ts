import { Fn, type ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import { terraformsTarget } from "../../lib/lab/targets.ts";
import type { Project } from "../../lib/project/project.ts";
import { checkProps, hostChecks, labCheck } from "./checked-props.ts";
import { redisLabCommand } from "./redis-lab-command.ts";
import { TerraformData } from "./terraform-data.ts";

export interface BootstrapProps {
  readonly project: Project;
  readonly lab: string;
  /** Digest of what the lab wants on its hosts, without any secret in it. */
  readonly digest: string;
  /** Id of the libvirt domain by host name. */
  readonly domains: Readonly<Record<string, string>>;
  /** @default - the domains */
  readonly dependsOn?: readonly ITerraformDependable[];
}

/** Runs `redis-lab up LAB` on the VMs: after they were made, and again when what the lab wants on them has changed. No VM is replaced for that. */
export class Bootstrap extends Construct {
  constructor(scope: Construct, id: string, props: BootstrapProps) {
    super(scope, id);
    const { digest, domains } = props;
    checkProps(this, [labCheck(props.lab), ...hostChecks("domains", domains)]);
    new TerraformData(this, "Default", {
      // A plan of Terraform shows two digests where a setting has changed: they name the command that shows what that is.
      triggers: { digest: `${digest} (what it is on the hosts: npx redis-lab plan ${props.lab})`, domains },
      dependsOn: props.dependsOn ?? [],
      provisioners: [
        redisLabCommand(this, {
          project: props.project,
          words: ["up", props.lab, "--target", terraformsTarget()],
          environment: { REDIS_LAB_DOMAINS: Fn.jsonencode(domains) },
        }),
      ],
    });
  }
}
