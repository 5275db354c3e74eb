import type { ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import type { Project } from "../../lib/project/project.ts";
import { checkProps, labCheck } from "./checked-props.ts";
import { redisLabCommand } from "./redis-lab-command.ts";
import { TerraformData } from "./terraform-data.ts";

export interface PreflightProps {
  readonly project: Project;
  readonly lab: string;
  /** What is checked and fetched: it runs again when one of these changes. */
  readonly triggers: Readonly<Record<string, unknown>>;
}

/**
 * Runs `redis-lab preflight LAB` before anything of libvirt is made: what would fail later with a dump of the provider fails here with cause and cure, and the image is
 * fetched and verified. Everything else depends on it.
 */
export class Preflight extends Construct {
  readonly resource: ITerraformDependable;

  constructor(scope: Construct, id: string, props: PreflightProps) {
    super(scope, id);
    checkProps(this, [labCheck(props.lab)]);
    this.resource = new TerraformData(this, "Default", {
      triggers: props.triggers,
      provisioners: [redisLabCommand(this, { project: props.project, words: ["preflight", props.lab] })],
    });
  }
}
