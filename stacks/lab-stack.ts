import { Annotations, TerraformBackend, TerraformOutput, TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import { checkVms, planVms, usedHypervisors, vmNetworkView } from "../lib/lab/vms.ts";
import { Bootstrap } from "./constructs/bootstrap.ts";
import { literal } from "./constructs/literal.ts";
import { Members } from "./constructs/members.ts";
import { Places } from "./constructs/places.ts";
import { Preflight } from "./constructs/preflight.ts";
import { BACKEND_KINDS, StateBackend } from "./constructs/state-backend.ts";
import { LabSite, type SiteHost } from "./lab-site.ts";
import type { PreparedLab } from "./prepare-lab.ts";
import { vmChanges } from "./vm-changes.ts";

/** What `prepareLab` makes of a project and one of its labs. */
export type LabStackProps = PreparedLab;

/** The VMs of one lab on its hypervisors, and the bootstrap that makes a running lab of them. Named after the lab: `cdktf deploy LAB`. */
export class LabStack extends TerraformStack {
  readonly backend: StateBackend;
  /** The part of the stack on each hypervisor of the lab, in its order; empty where the lab has a fault. */
  readonly sites: readonly LabSite[] = [];
  /** The hosts of the lab, hypervisor by hypervisor; empty where the lab has a fault. */
  readonly hosts: readonly SiteHost[] = [];

  constructor(scope: Construct, id: string, props: LabStackProps) {
    super(scope, id);
    const { project, lab, publicKey, digest, formerVms, obstacles = [] } = props;
    const { name, libvirt } = lab;
    this.addOverride("terraform.required_version", ">= 1.4");
    this.backend = new StateBackend(this, "Backend", { lab: name, root: project.root, backend: libvirt.backend });
    this.node.addValidation({ validate: () => this.#furtherBackends(name) });

    const faults = checkVms(lab);
    for (const { at, text } of faults) Annotations.of(this).addError(`Lab "${name}", ${at}: ${text}`);
    if (faults.length > 0) return;
    const plan = planVms(lab);
    for (const warning of [...plan.warnings, ...vmChanges(name, plan, formerVms), ...obstacles]) Annotations.of(this).addWarning(warning);

    // First what a deploy rests on,
    const used = usedHypervisors(lab, plan);
    const preflight = new Preflight(this, "Preflight", {
      project,
      lab: name,
      triggers: {
        hypervisors: used.map(({ name, uri, pool }) => ({ name, uri, pool })),
        network: plan.network,
        cidr: vmNetworkView(plan, lab).cidr,
        image: plan.image.sha256,
        // What is in the way of this deploy makes it run again, which puts back what can be put back, and ends here where the rest would end in the provider's words.
        ...(obstacles.length > 0 && { obstacles: obstacles.map(literal) }),
      },
    });
    const hypervisorOf = Object.fromEntries(plan.vms.map(({ host, hypervisor }) => [host, hypervisor.name]));
    const places = new Places(this, "Place", { hypervisors: hypervisorOf, dependsOn: [preflight.resource] });

    // then the VMs, hypervisor by hypervisor,
    const before = [places.resource];
    this.sites = libvirt.hypervisors.map((hypervisor) => new LabSite(this, hypervisor.name, { hypervisor, lab, plan, publicKey, before }));
    this.hosts = this.sites.flatMap((site) => site.hosts);
    const byHost = <T>(value: (host: SiteHost) => T) => Object.fromEntries(this.hosts.map((host) => [host.name, value(host)]));

    // and last what happens on them.
    const domains = byHost(({ domainId }) => domainId);
    const members = new Members(this, "Member", { project, lab: name, vms: byHost((host) => host) });
    new Bootstrap(this, "Bootstrap", { project, lab: name, digest, domains, dependsOn: [members.resource] });

    this.#output(
      "hosts",
      "Addresses of the hosts",
      byHost(({ address }) => address),
    );
    this.#output("next", "What to run next", `npx redis-lab status ${name}`);
  }

  /** Terraform has one backend. Which it is has to stand in the lab: redis-lab compares the states of labs by it, and keeps secrets out of it. */
  #furtherBackends(lab: string): string[] {
    const others = this.node.findAll().filter((each) => TerraformBackend.isBackend(each) && each !== this.backend);
    return others.map((other) => {
      const kind = other.constructor.name;
      return (
        `${kind} "${other.node.path}" would be a second backend beside that of the lab "${lab}". Leave it out, and declare it in the lab, in Terraform's words: ` +
        `libvirt: { backend: { kind: "s3", settings: { bucket: "…", region: "…" } } }; the kinds are ${BACKEND_KINDS.join(", ")}`
      );
    });
  }

  /** Under a name of its own, which no hypervisor's can be. */
  #output(name: string, description: string, value: unknown): void {
    new TerraformOutput(this, `Output-${name}`, { value, description }).overrideLogicalId(name);
  }
}
