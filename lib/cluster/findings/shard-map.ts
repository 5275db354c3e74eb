import type { SlotRange } from "../../redis/types.ts";
import { countSlots } from "../model/slots.ts";
import { type LiveNode, mastersOf, ownSlots, uncoveredSlots } from "../model/topology.ts";
import type { ClusterView } from "../model/view.ts";

/** A node of a shard. */
export interface ShardNode {
  readonly instance: string;
  readonly address: string;
  readonly port: number;
  readonly nodeId: string;
  readonly host: string;
}

/** A master with its slots and its replicas. */
export interface Shard {
  readonly master: ShardNode;
  readonly slots: readonly SlotRange[];
  readonly slotCount: number;
  readonly configEpoch: number;
  /** Keys in database 0 of the master. */
  readonly keys: number;
  readonly replicas: readonly (ShardNode & { readonly inStep: boolean })[];
  /** Slots that are on their way: to or from which node id. */
  readonly migrating: Readonly<Record<string, string>>;
  readonly importing: Readonly<Record<string, string>>;
}

export interface ShardMap {
  /** In the order of their first slots; those without slots last. */
  readonly shards: readonly Shard[];
  readonly uncovered: readonly SlotRange[];
}

/** A cluster by its shards, as its nodes tell it. Pure. */
export function shardMap({ cluster }: Pick<ClusterView, "cluster">): ShardMap {
  const shards = mastersOf(cluster).map(
    (node): Shard => ({
      master: nodeOf(node),
      slots: ownSlots(node),
      slotCount: countSlots(ownSlots(node)),
      configEpoch: node.myEpoch,
      keys: node.keys,
      replicas: cluster.live
        .filter(({ self }) => self.masterId === node.nodeId)
        .map((replica) => ({ ...nodeOf(replica), inStep: replica.masterLink === "up" })),
      migrating: Object.fromEntries(node.self.migrating),
      importing: Object.fromEntries(node.self.importing),
    }),
  );
  const first = ({ slots }: Shard) => slots[0]?.first ?? Number.POSITIVE_INFINITY;
  return {
    shards: shards.sort((a, b) => first(a) - first(b) || a.master.instance.localeCompare(b.master.instance)),
    uncovered: uncoveredSlots(cluster),
  };
}

function nodeOf({ id, nodeId, member }: LiveNode): ShardNode {
  return { instance: id, address: member.address, port: member.port, nodeId, host: member.host };
}
