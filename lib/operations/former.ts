import { assignHypervisors } from "../lab/hypervisors.ts";
import { quorumOf, SENTINEL_PORT } from "../lab/instances.ts";
import type { Host, Lab, Monitor } from "../lab/schema.ts";
import type { LabState, RememberedMember } from "../project/state.ts";

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
 * The lab with its former hosts, so that they can be reached and spoken to: at the address that they had, with the lab's login. In a cluster they are standbys, beside a
 * sentinel further replicas and sentinels; a name that is watched no more is there with who served it. Not a lab to be brought up. Pure.
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
  const isSentinel = ({ kind, port }: RememberedMember) =>
    lab.layout.kind === "sentinel" && (kind === "sentinel" || (kind === undefined && port === SENTINEL_PORT));
  const hosts = former.map(([name, members]): Host => {
    const known = hypervisors[name] ?? state.vms?.[name]?.hypervisor;
    const hypervisor = lab.libvirt.hypervisors.some((each) => each.name === known) ? known : undefined;
    return {
      name,
      address: members[0]?.address ?? "",
      instances: members.filter((member) => !isSentinel(member)).map(({ port }) => ({ port, settings: {} })),
      ssh: {},
      ...(hypervisor !== undefined && { hypervisor }),
    };
  });
  // The former ones move nobody.
  const assigned = assignHypervisors(lab).hypervisors;
  const declared = lab.hosts.map((host) => ({ ...host, hypervisor: assigned.get(host.name)?.name }));
  const all = former.flatMap(([, members]) => members);
  const servers = all.filter((member) => !isSentinel(member));
  const sentinels = all.filter(isSentinel).map(({ id }) => id);
  const { layout } = lab;
  switch (layout.kind) {
    case "cluster":
      return {
        ...lab,
        hosts: [...declared, ...hosts],
        layout: { ...layout, standby: [...layout.standby, ...servers.map(({ id }) => id)] },
      };
    case "sentinel": {
      // A quorum that is the majority of the sentinels is that of the declared ones.
      const monitors = layout.masters.map((monitor) => ({ ...monitor, quorum: quorumOf(monitor, layout) }));
      return {
        ...lab,
        hosts: [...declared, ...hosts],
        layout: { ...layout, masters: withServers(monitors, servers), sentinels: [...layout.sentinels, ...sentinels] },
      };
    }
  }
}

function withServers(monitors: readonly Monitor[], servers: readonly RememberedMember[]): Monitor[] {
  const [first] = monitors;
  if (first === undefined) return [];
  const nameOf = ({ monitor }: RememberedMember) => monitor ?? first.name;
  const dropped = [...new Set(servers.map(nameOf))].filter((name) => !monitors.some((monitor) => monitor.name === name));
  return [
    ...monitors.map((monitor) => ({
      ...monitor,
      replicas: [...monitor.replicas, ...servers.filter((server) => nameOf(server) === monitor.name).map(({ id }) => id)],
    })),
    ...dropped.map((name) => {
      const [master = "", ...replicas] = servers.filter((server) => nameOf(server) === name).map(({ id }) => id);
      return { ...first, name, master, replicas };
    }),
  ];
}
