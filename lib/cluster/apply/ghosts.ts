import { byCount } from "../../base/text.ts";
import type { InstanceAccess } from "../../redis/types.ts";
import { acquaintances, type Component, type LiveNode, type Topology } from "../model/topology.ts";
import type { ClusterMember } from "../model/types.ts";
import { plannedAction } from "../plan/planned-action.ts";
import { applyChecked } from "./apply-checked.ts";
import type { ClusterApplyOptions } from "./options.ts";

/** An identity that is gone, owns nothing and has no replica, and that nodes still know: no packet and no time makes them forget it. */
export interface Ghost {
  readonly nodeId: string;
  /** Who knows it. */
  readonly by: readonly LiveNode[];
}

/** Pure. */
export function ghostsIn({ identify }: Pick<Topology, "identify">, { live }: Component): readonly Ghost[] {
  const ids = new Set(
    live.flatMap(({ view }) =>
      acquaintances(view)
        .filter((node) => identify(node).kind === "ghost")
        .map(({ id }) => id),
    ),
  );
  return [...ids].flatMap((nodeId): Ghost[] => {
    const by = live.filter(({ view }) => view.some(({ id }) => id === nodeId));
    const lines = by.flatMap(({ view }) => view.filter(({ id }) => id === nodeId));
    // Of one that only some count among the gone there is more to be seen first.
    const gone = lines.every((node) => identify(node).kind === "ghost" && node.slots.length === 0);
    return gone && live.every(({ self }) => self.masterId !== nodeId) ? [{ nodeId, by }] : [];
  });
}

/** What is done about it. Pure. */
export function describeForgetting({ nodeId, by }: Ghost): string {
  return `make ${by.length} ${byCount(by.length, "node", "nodes")} forget an identity that is gone (node id ${nodeId.slice(0, 8)}…)`;
}

/** @throws LabError those of the action */
export async function forgetGhost(
  ghost: Ghost,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: ClusterApplyOptions,
): Promise<void> {
  const { nodeId, by } = ghost;
  const [first] = by;
  if (first === undefined) return;
  const action = plannedAction({ kind: "forget-node", leaving: nodeId, nodeId, by: by.map(({ id }) => id) }, "fix");
  await applyChecked([{ ...action, summary: describeForgetting(ghost) }], first.id, members, access, options);
}
