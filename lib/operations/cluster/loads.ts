import { countSlots, eachSlot } from "../../cluster/model/slots.ts";
import { mastersOf, ownSlots } from "../../cluster/model/topology.ts";
import type { ClusterPlan } from "../../cluster/model/types.ts";
import type { ClusterView } from "../../cluster/model/view.ts";
import { countKeys } from "../../cluster/plan/count-keys.ts";
import { type RebalanceRequest, rebalancePlan } from "../../cluster/plan/moves.ts";
import { readServerInfo } from "../../redis/commands.ts";
import type { InstanceAccess } from "../../redis/types.ts";

/** What a rebalance is asked for. */
export interface RebalanceByRequest extends Omit<RebalanceRequest, "loads" | "weights"> {
  /** Shares by node reference. @default 1 each */
  readonly weights?: RebalanceRequest["weights"] | undefined;
  /** What is made even. @default slots */
  readonly by?: LoadKind | undefined;
}

/** The plan of a rebalance, by what the servers say of their loads. @throws LabError those of `rebalancePlan` */
export async function rebalanceBy(
  { by = "slots", weights = new Map(), ...request }: RebalanceByRequest,
  view: ClusterView,
  access: InstanceAccess,
): Promise<ClusterPlan> {
  const loads = await slotLoads(by, view, access);
  return rebalancePlan({ ...request, weights, ...(loads !== undefined && { loads }) }, view);
}

/** What a rebalance makes even. */
export type LoadKind = "slots" | "keys" | "memory" | "ops";

/**
 * What each slot weighs, by master. Keys are counted; memory is the data set of the master, shared among its slots by their keys; operations are those per second that the master
 * tells at this moment, shared likewise, or evenly where it has no keys: Redis does not count either by slot.
 */
async function slotLoads(
  kind: LoadKind,
  { cluster }: ClusterView,
  access: InstanceAccess,
): Promise<ReadonlyMap<string, ReadonlyMap<number, number>> | undefined> {
  if (kind === "slots") return undefined;
  const masters = mastersOf(cluster);
  const counts = await countKeys(masters, access);
  return new Map(
    await Promise.all(
      masters.map(async (node) => {
        const keys = counts.get(node.id) ?? new Map<number, number>();
        if (kind === "keys") return [node.id, keys] as const;
        const { raw } = await readServerInfo(await access.client(node.id));
        const whole = Number(raw[kind === "memory" ? "used_memory_dataset" : "instantaneous_ops_per_sec"]) || 0;
        const all = [...keys.values()].reduce((sum, each) => sum + each, 0);
        const slots = ownSlots(node);
        const share = (slot: number) => (all === 0 ? 1 / countSlots(slots) : (keys.get(slot) ?? 0) / all);
        return [
          node.id,
          new Map([...eachSlot(slots)].map((slot) => [slot, whole * share(slot)] as const).filter(([, load]) => load > 0)),
        ] as const;
      }),
    ),
  );
}
