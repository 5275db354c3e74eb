import { assignHypervisors } from "../../lab/hypervisors.ts";
import { layoutRow } from "../../lab/layouts.ts";
import type { Host, Lab } from "../../lab/schema.ts";
import type { LabState, RememberedMember } from "../../project/state.ts";

/** Instances that belonged to the lab and whose host is declared no more, by the name of the host. */
export function formerHosts(lab: Pick<Lab, "hosts">, state: Pick<LabState, "members">): ReadonlyMap<string, readonly RememberedMember[]> {
  const declared = new Set(lab.hosts.map(({ name }) => name));
  const hosts = new Map<string, readonly RememberedMember[]>();
  for (const member of state.members) {
    const host = hostOfMember(member);
    if (!declared.has(host)) hosts.set(host, [...(hosts.get(host) ?? []), member]);
  }
  return hosts;
}

export function hostOfMember({ id }: Pick<RememberedMember, "id">): string {
  return id.split(":")[0] ?? "";
}

/**
 * The lab with its former hosts, so that they can be reached and spoken to: at the address that they had, with the lab's login, and in places of the layout that its row
 * chooses. Not a lab to be brought up. Pure.
 *
 * @param hypervisors of VMs, by host name, where they are known
 */
export function withFormerHosts(
  lab: Lab,
  state: Pick<LabState, "members" | "vms">,
  hypervisors: Readonly<Record<string, string | undefined>> = {},
): Lab {
  const former = [...formerHosts(lab, state)];
  if (former.length === 0) return lab;
  const row = layoutRow(lab.layout);
  const hosts = former.map(([name, members]): Host => {
    const known = hypervisors[name] ?? state.vms?.[name]?.hypervisor;
    const hypervisor = lab.libvirt.hypervisors.some((each) => each.name === known) ? known : undefined;
    return {
      name,
      address: members[0]?.address ?? "",
      instances: members.filter((member) => row.isServer(member)).map(({ port }) => ({ port, settings: {} })),
      ssh: {},
      ...(hypervisor !== undefined && { hypervisor }),
    };
  });
  // The former ones move nobody.
  const assigned = assignHypervisors(lab).hypervisors;
  const declared = lab.hosts.map((host) => ({ ...host, hypervisor: assigned.get(host.name)?.name }));
  const members = former.flatMap(([, each]) => each);
  return { ...lab, hosts: [...declared, ...hosts], layout: row.withFormer(lab.layout, members) };
}
