import { describeSlots } from "./describe.ts";
import type { ClusterLook } from "./look.ts";
import { withoutSlots } from "./slots.ts";
import { currentMasterOf, ownSlots } from "./topology.ts";
import type { ClusterMember } from "./types.ts";

/** One way in which a running cluster is not what was declared. */
export interface Difference {
  readonly instance: string;
  readonly declared: string;
  readonly running: string;
  /** The verb that makes it as declared; undefined where nothing needs to be done. */
  readonly mendedBy: "up" | "failback" | "del-node" | undefined;
}

/** Roles, masters, membership and slots that differ from what the lab declares. Slots count as declared where each declared master has those that a new cluster gives it. Pure. */
export function differences(look: ClusterLook): readonly Difference[] {
  return look.members.flatMap((member) => differenceOf(member, look));
}

function differenceOf({ id, role }: ClusterMember, { topology, cluster }: ClusterLook): readonly Difference[] {
  const node = topology.live.get(id);
  const inside = node !== undefined && cluster.live.includes(node);
  if (node === undefined)
    return role.kind === "discovered"
      ? []
      : [
          {
            instance: id,
            declared: role.kind,
            running: `no answer: ${topology.absent.get(id)?.why ?? "it was not looked at"}`,
            mendedBy: "up",
          },
        ];
  const running = !inside
    ? "not in the cluster"
    : node.self.role === "replica"
      ? `replica of ${topology.instanceOf(node.self.masterId ?? "") ?? "?"}`
      : `master of ${describeSlots(ownSlots(node))}`;
  switch (role.kind) {
    case "discovered":
      return inside ? [{ instance: id, declared: "nothing", running, mendedBy: "del-node" }] : [];
    case "standby":
      return inside ? [{ instance: id, declared: "standby", running, mendedBy: undefined }] : [];
    case "cluster-master": {
      if (!inside) return [{ instance: id, declared: "master", running, mendedBy: "up" }];
      if (node.self.role === "replica") return [{ instance: id, declared: "master", running, mendedBy: "failback" }];
      const slots = topology.declaredSlots.get(id) ?? [];
      const same = withoutSlots(slots, ownSlots(node)).length + withoutSlots(ownSlots(node), slots).length === 0;
      return same
        ? []
        : [
            {
              instance: id,
              declared: `master of ${describeSlots(slots)}`,
              running,
              mendedBy: ownSlots(node).length === 0 ? "up" : undefined,
            },
          ];
    }
    case "cluster-replica": {
      const declared = `replica of ${role.master}`;
      if (!inside) return [{ instance: id, declared, running, mendedBy: "up" }];
      if (running === declared) return [];
      const present = currentMasterOf(topology, cluster, role.master);
      return [{ instance: id, declared, running, mendedBy: present === undefined ? undefined : "failback" }];
    }
  }
}
