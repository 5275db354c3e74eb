import { type ITerraformDependable, type ITerraformIterator, type LocalExecProvisioner, TerraformResource } from "cdktf";
import type { Construct } from "constructs";

export interface TerraformDataProps {
  /** What the resource stands for: it is destroyed and created again when one of these changes. Stored in the state, so nothing secret. */
  readonly triggers: Readonly<Record<string, unknown>>;
  /** @default - none */
  readonly provisioners?: readonly LocalExecProvisioner[];
  /** One resource per element. @default - a single resource */
  readonly forEach?: ITerraformIterator;
  /** @default - what the triggers refer to */
  readonly dependsOn?: readonly ITerraformDependable[];
}

/**
 * A `terraform_data`, which stands for something and runs commands. It differs from cdktf's DataResource in one thing: that one starts `terraform version` for each
 * resource at every synth, and a synth needs no Terraform. The stack's `required_version` says the same to Terraform itself.
 */
export class TerraformData extends TerraformResource {
  readonly #triggers: Readonly<Record<string, unknown>>;

  constructor(scope: Construct, id: string, props: TerraformDataProps) {
    super(scope, id, {
      terraformResourceType: "terraform_data",
      terraformGeneratorMetadata: { providerName: "terraform" },
      ...(props.provisioners !== undefined && { provisioners: [...props.provisioners] }),
      ...(props.forEach !== undefined && { forEach: props.forEach }),
      ...(props.dependsOn !== undefined && { dependsOn: [...props.dependsOn] }),
    });
    this.#triggers = props.triggers;
  }

  protected override synthesizeAttributes(): Record<string, unknown> {
    return { triggers_replace: this.#triggers };
  }

  protected override synthesizeHclAttributes(): Record<string, unknown> {
    return { triggers_replace: { value: this.#triggers, isBlock: false, type: "any", storageClassType: "any" } };
  }
}
