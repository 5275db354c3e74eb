import { type ITerraformDependable, TerraformIterator } from "cdktf";
import { Construct } from "constructs";
import { checkProps, hostChecks } from "./checked-props.ts";
import { TerraformData } from "./terraform-data.ts";

export interface PlacesProps {
  /** Name of the hypervisor by host name. */
  readonly hypervisors: Readonly<Record<string, string>>;
  /** @default - nothing */
  readonly dependsOn?: readonly ITerraformDependable[];
}

/**
 * Where each host is; its VM depends on it. For Terraform a host that moves is a VM that goes and another that comes, with nothing between the two, so that both would run
 * at once under one address. The place is replaced by a move, which puts them in order: the host leaves, its VM goes, the place changes, the new VM comes.
 */
export class Places extends Construct {
  readonly resource: ITerraformDependable;

  constructor(scope: Construct, id: string, props: PlacesProps) {
    super(scope, id);
    checkProps(this, hostChecks("hypervisors", props.hypervisors));
    const hypervisors = TerraformIterator.fromMap({ ...props.hypervisors });
    this.resource = new TerraformData(this, "Default", {
      forEach: hypervisors,
      triggers: { hypervisor: hypervisors.value },
      dependsOn: props.dependsOn ?? [],
    });
  }
}
