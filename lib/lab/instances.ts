import type { DeclaredRole } from "./layouts/row.ts";
import { layoutRow } from "./layouts.ts";
import type { Lab } from "./schema.ts";

export type { DeclaredRole } from "./layouts/row.ts";

/** One redis-server or sentinel process of a lab. */
export interface Instance {
  /** `HOST:PORT`, its name everywhere. */
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly role: DeclaredRole;
}

/** The TCP ports on which an instance listens: its own, and those that the layout adds. */
export function portsOf(layout: Pick<Lab["layout"], "kind">, { port }: Pick<Instance, "port">): readonly number[] {
  return layoutRow(layout).ports(port);
}

/** All instances of a lab with their declared roles: in the order of the hosts, then of the ports, sentinels last on their host. */
export function instancesOf(lab: Pick<Lab, "hosts" | "layout">): readonly Instance[] {
  const row = layoutRow(lab.layout);
  const roles = row.roles(lab);
  const sentinels = row.sentinels(lab);
  return lab.hosts.flatMap((host) => [
    ...host.instances.flatMap(({ port }) => {
      const id = `${host.name}:${port}`;
      const role = roles.get(id);
      return role === undefined ? [] : [{ id, host: host.name, port, role }];
    }),
    ...sentinels
      .filter((id) => id.startsWith(`${host.name}:`))
      .map((id): Instance => ({ id, host: host.name, port: Number(id.split(":")[1]), role: { kind: "sentinel" } })),
  ]);
}

/** True for an instance that is a redis-server with data, false for a sentinel. */
export function isRedisServer(instance: Pick<Instance, "role">): boolean {
  return instance.role.kind !== "sentinel";
}
