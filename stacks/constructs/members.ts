import { type ITerraformDependable, TerraformIterator, TerraformSelf } from "cdktf";
import { Construct } from "constructs";
import type { Project } from "../../lib/project/project.ts";
import { checkProps, hostChecks, labCheck } from "./checked-props.ts";
import { redisLabCommand } from "./redis-lab-command.ts";
import { TerraformData } from "./terraform-data.ts";

/** The VM of a host, as its member remembers it. */
export interface MemberVm {
  readonly domainId: string;
  /** Name of the hypervisor. */
  readonly hypervisor: string;
}

export interface MembersProps {
  readonly project: Project;
  readonly lab: string;
  /** By host name. */
  readonly vms: Readonly<Record<string, MemberVm>>;
}

/**
 * What runs `redis-lab leave LAB HOST` before the VM of a host is destroyed, and keeps the VM if that fails. One block for all hosts: the destroy-time provisioner of a block
 * that has left the configuration never runs, but that of an element of `for_each` does. All domains stand before it, so all members go before any domain.
 */
export class Members extends Construct {
  readonly resource: ITerraformDependable;

  constructor(scope: Construct, id: string, props: MembersProps) {
    super(scope, id);
    checkProps(this, [labCheck(props.lab), ...hostChecks("vms", props.vms)]);
    const vms = TerraformIterator.fromMap(
      Object.fromEntries(Object.entries(props.vms).map(([host, { domainId, hypervisor }]) => [host, { domain: domainId, hypervisor }])),
    );
    this.resource = new TerraformData(this, "Default", {
      forEach: vms,
      triggers: { domain: vms.getString("domain"), hypervisor: vms.getString("hypervisor") },
      provisioners: [
        redisLabCommand(this, {
          project: props.project,
          // The key of an element that left the configuration comes from the state, which others may write: to the shell it is a value, and no part of its command; to `leave` it is a host, and no option (`--help` would
          // end well without a leave, `--labs` run a program).
          words: ["leave", props.lab, "--", '"$REDIS_LAB_HOST"'],
          atDestroy: true,
          environment: {
            REDIS_LAB_HOST: "${each.key}",
            REDIS_LAB_VM_DOMAIN: TerraformSelf.getString("triggers_replace.domain"),
            REDIS_LAB_VM_HYPERVISOR: TerraformSelf.getString("triggers_replace.hypervisor"),
          },
        }),
      ],
    });
  }
}
