import type { Lab, Monitor, SentinelLayout } from "./schema.ts";

/** What the lab says an instance is when the layout is created. A failover may make it something else; that is not drift. */
export type DeclaredRole =
  | { readonly kind: "cluster-master"; readonly index: number }
  | { readonly kind: "cluster-replica"; readonly master: string }
  | { readonly kind: "standby" }
  | { readonly kind: "master"; readonly monitor: string }
  | { readonly kind: "replica"; readonly monitor: string; readonly master: string }
  | { readonly kind: "sentinel" };

/** One redis-server or sentinel process of a lab. */
export interface Instance {
  /** `HOST:PORT`, its name everywhere. */
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly role: DeclaredRole;
}

export const SENTINEL_PORT = 26379;
/** Distance of the cluster bus from the port of an instance (CLUSTER_PORT_INCR in cluster.h of 4.0.14). */
export const BUS_OFFSET = 10_000;

/** The TCP ports on which an instance listens: its own, and that of the cluster bus in a cluster layout. */
export function portsOf(layout: Pick<Lab["layout"], "kind">, { port }: Pick<Instance, "port">): readonly number[] {
  return layout.kind === "cluster" ? [port, port + BUS_OFFSET] : [port];
}

/** `HOST` or `HOST:PORT` → `HOST:PORT`: a host alone means its first instance, or `defaultPort` where one is given (sentinels). */
export function resolveReference(lab: Pick<Lab, "hosts">, reference: string, defaultPort?: number): string {
  const [host = reference, port] = reference.split(":");
  if (port !== undefined) return `${host}:${Number(port)}`;
  const first = lab.hosts.find(({ name }) => name === host)?.instances[0]?.port;
  return `${host}:${defaultPort ?? first ?? 6379}`;
}

/** All instances of a lab with their declared roles: in the order of the hosts, then of the ports, sentinels last on their host. */
export function instancesOf(lab: Pick<Lab, "hosts" | "layout">): readonly Instance[] {
  const roles = declaredRoles(lab);
  const sentinels =
    lab.layout.kind === "sentinel" ? lab.layout.sentinels.map((reference) => resolveReference(lab, reference, SENTINEL_PORT)) : [];
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

/** Roles by instance id, redis-server instances only. The last mention of an instance wins; `check.ts` refuses a second one. */
export function declaredRoles(lab: Pick<Lab, "hosts" | "layout">): ReadonlyMap<string, DeclaredRole> {
  const { layout } = lab;
  const id = (reference: string) => resolveReference(lab, reference);
  switch (layout.kind) {
    case "cluster":
      return new Map<string, DeclaredRole>([
        ...layout.masters.map((reference, index) => [id(reference), { kind: "cluster-master", index }] as const),
        ...Object.entries(layout.replicas).map(
          ([replica, master]) => [id(replica), { kind: "cluster-replica", master: id(master) }] as const,
        ),
        ...layout.standby.map((reference) => [id(reference), { kind: "standby" }] as const),
      ]);
    case "sentinel":
      return new Map<string, DeclaredRole>(
        layout.masters.flatMap((monitor) => [
          [id(monitor.master), { kind: "master", monitor: monitor.name }] as const,
          ...monitor.replicas.map(
            (reference) => [id(reference), { kind: "replica", monitor: monitor.name, master: id(monitor.master) }] as const,
          ),
        ]),
      );
  }
}

/** True for an instance that is a redis-server with data, false for a sentinel. */
export function isRedisServer(instance: Pick<Instance, "role">): boolean {
  return instance.role.kind !== "sentinel";
}

/** Sentinels that must agree that a master is down: as declared, or their majority. */
export function quorumOf(monitor: Pick<Monitor, "quorum">, layout: Pick<SentinelLayout, "sentinels">): number {
  return monitor.quorum ?? Math.floor(layout.sentinels.length / 2) + 1;
}
