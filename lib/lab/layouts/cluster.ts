import * as v from "valibot";
import { plural } from "../../base/text.ts";
import type { LabFault } from "../errors.ts";
import { described, reference } from "../fields.ts";
import { fault, replicasBesideMasters, resolveReference, roleFaults, unknownReferences } from "./references.ts";
import { addressList, type DeclaredRole, type LayoutLab, type LayoutRow } from "./row.ts";

const schema = v.object({
  kind: v.literal("cluster"),
  masters: described(v.array(reference), "Instances that get slots when the cluster is created, in slot order; at least three."),
  replicas: described(
    v.optional(v.record(reference, reference), {}),
    "Which instance is created as the replica of which master. Default: none.",
  ),
  standby: described(v.optional(v.array(reference), []), "Instances that run with cluster mode on but join nothing. Default: none."),
  nodeTimeoutMs: described(
    v.optional(v.pipe(v.number(), v.integer(), v.minValue(100)), 15_000),
    "cluster-node-timeout in milliseconds. Default: 15000.",
  ),
  allowReplicaOnSameHost: described(
    v.optional(v.boolean(), false),
    "Accept a replica on its master's host; `doctor` then warns. Default: false.",
  ),
});

type ClusterLayout = v.InferOutput<typeof schema>;

/** Distance of the cluster bus from the port of an instance (CLUSTER_PORT_INCR in cluster.h of 4.0.14). */
export const BUS_OFFSET = 10_000;

/** Redis Cluster: masters that share the slots, replicas that follow them, and instances that wait outside. */
export const clusterLayout = {
  schema,
  faults,
  roles: rolesOf,
  sentinels: () => [],
  monitors: () => [],
  ports: (port) => [port, port + BUS_OFFSET],
  portHint: " (the cluster bus of an instance is its port + 10000)",
  hasSlots: true,
  exposure:
    "can take the cluster over with a node that joins it (CLUSTER MEET on the bus asks for no password), which learns the password by that",
  electors: { role: "cluster-master", plural: "masters" },
  savePoints: [[5, 1]],
  directives: ({ nodeTimeoutMs }, port) => [
    ["cluster-enabled", true],
    ["cluster-config-file", `nodes-${port}.conf`],
    ["cluster-node-timeout", nodeTimeoutMs],
  ],
  uris: (_, instances) => ({ cluster: `redis://${addressList(instances, "cluster-master", "cluster-replica")}` }),
  isServer: () => true,
  // A first election ends within 1.5 of the time-out; one that fails is repeated after four of them, which is longer than anybody should wait (measured with 4.0.14).
  restart: ({ layout: { nodeTimeoutMs } }) => ({ copies: "nodes-file", failoverOverdueMs: 2 * nodeTimeoutMs + 5_000 }),
  withFormer: (layout, members) => ({ ...layout, standby: [...layout.standby, ...members.map(({ id }) => id)] }),
} satisfies LayoutRow<ClusterLayout>;

function rolesOf({ layout, hosts }: LayoutLab<ClusterLayout>): ReadonlyMap<string, DeclaredRole> {
  const id = (name: string) => resolveReference({ hosts }, name);
  return new Map<string, DeclaredRole>([
    ...layout.masters.map((name, index) => [id(name), { kind: "cluster-master", index }] as const),
    ...Object.entries(layout.replicas).map(([replica, master]) => [id(replica), { kind: "cluster-replica", master: id(master) }] as const),
    ...layout.standby.map((name) => [id(name), { kind: "standby" }] as const),
  ]);
}

function faults(lab: LayoutLab<ClusterLayout>): LabFault[] {
  const { layout } = lab;
  const id = (name: string) => resolveReference(lab, name);
  const masters = layout.masters.map(id);
  const replicas = Object.entries(layout.replicas).map(([replica, master]) => [id(replica), id(master)] as const);
  const mentions = [
    ...layout.masters.map((name) => ["layout.masters", name] as const),
    ...Object.entries(layout.replicas).flatMap(([replica, master]) => [
      ["layout.replicas", replica] as const,
      ["layout.replicas", master] as const,
    ]),
    ...layout.standby.map((name) => ["layout.standby", name] as const),
  ];
  return [
    ...(masters.length < 3
      ? [
          fault(
            "lab.too-few-masters",
            "layout.masters",
            `${plural(masters.length, "master")}; Redis Cluster needs at least 3, or no majority is left when one fails`,
          ),
        ]
      : []),
    ...unknownReferences(lab, mentions),
    ...replicas.flatMap(([replica, master]) =>
      masters.includes(master)
        ? []
        : [fault("lab.replica-of-no-master", "layout.replicas", `${replica} is to replicate ${master}, which is not among the masters`)],
    ),
    ...replicasBesideMasters(layout.allowReplicaOnSameHost, replicas, "layout.replicas"),
    ...roleFaults(lab, [...masters, ...replicas.map(([replica]) => replica), ...layout.standby.map(id)], " (for example in `standby`)"),
  ];
}
