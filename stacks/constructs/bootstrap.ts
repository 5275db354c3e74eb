import { Fn, type ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import type { Project } from "../../lib/project/project.ts";
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
    new TerraformData(this, "Default", {
      triggers: { digest, domains },
      dependsOn: props.dependsOn ?? [],
      provisioners: [
        redisLabCommand(this, {
          project: props.project,
          words: ["up", props.lab, "--target", "libvirt"],
          environment: { REDIS_LAB_DOMAINS: Fn.jsonencode(domains) },
        }),
      ],
    });
  }
}
