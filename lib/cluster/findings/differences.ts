import { describeSlots } from "../model/describe.ts";
import { countSlots } from "../model/slots.ts";
import { currentMasterOf, type LiveNode, ownSlots } from "../model/topology.ts";
import type { ClusterMember } from "../model/types.ts";
import type { ClusterView } from "../model/view.ts";
import { removal } from "./unknown-nodes.ts";

/** One way in which a running cluster is not what was declared. */
export interface Difference {
  readonly instance: string;
  readonly declared: string;
  readonly running: string;
  /** The commands that make it as declared, in backticks, `LAB` for the lab. */
  readonly fix: string;
}

const UP = "`redis-lab up LAB`";
const FAILBACK = "`redis-lab cluster failback LAB`";
const REBALANCE = "`redis-lab cluster rebalance LAB`";

/** What redis-trib leaves as it is (rebalance --threshold of 4.0.14), in percent of what a master has. */
const THRESHOLD = 2;

/**
 * Roles, masters, membership and shares of the slots that differ from what the lab declares, each with what repairs it. A lab declares no slots: of a master that has about as many as in a new cluster nothing is said, whichever
 * these are. Pure.
 */
export function differences(view: ClusterView): readonly Difference[] {
  return view.members.flatMap((member) => differenceOf(member, view));
}

function differenceOf({ id, role }: ClusterMember, view: ClusterView): readonly Difference[] {
  const { topology, cluster } = view;
  const node = topology.live.get(id);
  const inside = node !== undefined && cluster.live.includes(node);
  if (node === undefined) {
    if (role.kind === "discovered") return [];
    return [
      {
        instance: id,
        declared: wordsOf(role),
        running: `no answer: ${topology.absent.get(id)?.why ?? "it was not looked at"}`,
        fix: topology.absent.get(id)?.next ?? UP,
      },
    ];
  }
  const running = inside ? placeOf(node, view) : "not in the cluster";
  const differs = (declared: string, fix: string): readonly Difference[] => [{ instance: id, declared, running, fix }];
  switch (role.kind) {
    case "discovered":
    case "standby":
      return inside ? differs(wordsOf(role), removal(node)) : [];
    case "cluster-master": {
      if (!inside) return differs("master", UP);
      if (node.self.role === "replica") return differs("master", FAILBACK);
      const slots = topology.declaredSlots.get(id) ?? [];
      if (isShare(countSlots(ownSlots(node)), countSlots(slots))) return [];
      return differs(`master of about ${countSlots(slots)} slots`, ownSlots(node).length === 0 ? UP : REBALANCE);
    }
    case "cluster-replica": {
      const declared = wordsOf(role);
      if (!inside) return differs(declared, UP);
      if (running === declared) return [];
      // Without its master there is nothing to follow: that one is brought up first.
      return differs(declared, currentMasterOf(topology, cluster, role.master) === undefined ? UP : FAILBACK);
    }
    default:
      return role satisfies never;
  }
}

function wordsOf(role: ClusterMember["role"]): string {
  switch (role.kind) {
    case "cluster-master":
      return "master";
    case "cluster-replica":
      return `replica of ${role.master}`;
    case "standby":
      return "standby";
    case "discovered":
      return "nothing";
    default:
      return role satisfies never;
  }
}

function placeOf(node: LiveNode, { topology }: ClusterView): string {
  return node.self.role === "replica"
    ? `replica of ${topology.instanceOf(node.self.masterId ?? "") ?? "?"}`
    : `master of ${describeSlots(ownSlots(node))}`;
}

function isShare(has: number, wants: number): boolean {
  return has > 0 ? Math.abs(100 - (100 * wants) / has) <= THRESHOLD : wants === 0;
}
