import * as v from "valibot";
import { described, reference } from "../fields.ts";
import { replicasBesideMasters, resolveReference, roleFaults, unknownReferences } from "./references.ts";
import { addressList, type DeclaredRole, type LayoutLab, type LayoutRow, type RestartFacts, SHIPPED_SAVE_POINTS } from "./row.ts";

const schema = v.object({
  kind: v.literal("replication"),
  master: described(reference, "Instance that is the master at creation."),
  replicas: described(v.array(reference), "Instances that replicate it at creation."),
  allowReplicaOnSameHost: described(
    v.optional(v.boolean(), false),
    "Accept a replica on its master's host; `doctor` then warns. Default: false.",
  ),
});

type ReplicationLayout = v.InferOutput<typeof schema>;

/** One master and its replicas, without sentinels: nothing fails over by itself, `redis-lab failover` hands the role over. */
export const replicationLayout = {
  schema,
  faults(lab) {
    const { master, replicas, allowReplicaOnSameHost } = lab.layout;
    const id = (name: string) => resolveReference(lab, name);
    return [
      ...unknownReferences(lab, [["layout.master", master], ...replicas.map((name) => ["layout.replicas", name] as const)]),
      ...replicasBesideMasters(
        allowReplicaOnSameHost,
        replicas.map((name) => [id(name), id(master)] as const),
        "layout.replicas",
      ),
      ...roleFaults(lab, [id(master), ...replicas.map(id)], " (for example in `replicas`)"),
    ];
  },
  roles(lab: LayoutLab<ReplicationLayout>) {
    const master = resolveReference(lab, lab.layout.master);
    return new Map<string, DeclaredRole>([
      [master, { kind: "master" }],
      ...lab.layout.replicas.map((name) => [resolveReference(lab, name), { kind: "replica", master }] as const),
    ]);
  },
  sentinels: () => [],
  monitors: () => [],
  ports: (port) => [port],
  portHint: "",
  hasSlots: false,
  exposure: "can listen where an instance is down, and learns the password from those that replicate it",
  electors: undefined,
  savePoints: SHIPPED_SAVE_POINTS,
  directives: () => [],
  uris: ({ replicas }, instances) => ({
    master: `redis://${addressList(instances, "master")}`,
    ...(replicas.length > 0 && { replicas: `redis://${addressList(instances, "replica")}` }),
  }),
  isServer: () => true,
  restart(lab, instance): RestartFacts {
    const servers = [lab.layout.master, ...lab.layout.replicas].map((name) => resolveReference(lab, name));
    return { copies: servers.filter((id) => id !== instance), failoverOverdueMs: 0 };
  },
  withFormer: (layout, members) => ({ ...layout, replicas: [...layout.replicas, ...members.map(({ id }) => id)] }),
} satisfies LayoutRow<ReplicationLayout>;
