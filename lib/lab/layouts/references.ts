import { didYouMean } from "../../base/nearest.ts";
import type { LabFault } from "../errors.ts";
import type { Host } from "../host-schema.ts";

/** `HOST` or `HOST:PORT` → `HOST:PORT`: a host alone means its first instance, or `defaultPort` where one is given (sentinels). */
export function resolveReference(lab: { readonly hosts: readonly Host[] }, reference: string, defaultPort?: number): string {
  const [host = reference, port] = reference.split(":");
  if (port !== undefined) return `${host}:${Number(port)}`;
  const first = lab.hosts.find(({ name }) => name === host)?.instances[0]?.port;
  return `${host}:${defaultPort ?? first ?? 6379}`;
}

export function fault(code: string, at: string, text: string): LabFault {
  return { code, at, text };
}

export function hostNames(lab: { readonly hosts: readonly Host[] }): readonly string[] {
  return lab.hosts.map(({ name }) => name);
}

export function duplicates(values: readonly string[]): readonly string[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}

/** Faults of references that name no redis-server of the lab. */
export function unknownReferences(
  lab: { readonly hosts: readonly Host[] },
  mentions: readonly (readonly [at: string, reference: string])[],
): LabFault[] {
  const known = new Set(lab.hosts.flatMap(({ name, instances }) => instances.map(({ port }) => `${name}:${port}`)));
  return mentions.flatMap(([at, reference]) => {
    if (known.has(resolveReference(lab, reference))) return [];
    const host = lab.hosts.find(({ name }) => name === reference.split(":")[0]);
    const why =
      host === undefined
        ? `names no host of the lab${didYouMean(reference.split(":")[0] ?? "", hostNames(lab))}`
        : `names no instance of ${host.name}, which has ${host.instances.map(({ port }) => port).join(", ") || "none"}`;
    return [fault("lab.unknown-reference", at, `"${reference}" ${why}`)];
  });
}

/** Faults of replicas on their master's host, unless the layout accepts them. */
export function replicasBesideMasters(
  allowed: boolean,
  replicas: readonly (readonly [replica: string, master: string])[],
  at: string,
): LabFault[] {
  if (allowed) return [];
  return replicas.flatMap(([replica, master]) =>
    replica.split(":")[0] === master.split(":")[0]
      ? [
          fault(
            "lab.replica-beside-master",
            at,
            `${replica} is on the host of its master ${master}: both would be lost together; say \`allowReplicaOnSameHost: true\` to accept that`,
          ),
        ]
      : [],
  );
}

/**
 * Faults of instances that have two roles, or none.
 *
 * @param roles an instance id for each role that the layout gives
 * @param hint where an instance without a role may be named, with a blank before it; empty where every role says so itself
 */
export function roleFaults(lab: { readonly hosts: readonly Host[] }, roles: readonly string[], hint = ""): LabFault[] {
  const taken = new Set(roles);
  return [
    ...duplicates(roles).map((instance) => fault("lab.duplicate-role", "layout", `${instance} has more than one role`)),
    ...lab.hosts.flatMap(({ name, instances }, index) =>
      instances.flatMap(({ port }) =>
        taken.has(`${name}:${port}`)
          ? []
          : [
              fault(
                "lab.instance-without-role",
                `hosts[${index}].instances`,
                `${name}:${port} has no role in the layout; name it there${hint} or give the host \`instances: []\``,
              ),
            ],
      ),
    ),
  ];
}
