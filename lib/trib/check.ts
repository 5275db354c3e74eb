import { auditSlots, type SlotAudit } from "../cluster/findings/slot-audit.ts";
import { SLOT_COUNT } from "../cluster/model/slots.ts";
import type { LiveNode } from "../cluster/model/topology.ts";
import type { TribCluster } from "./load.ts";
import { nodeText } from "./node-text.ts";
import { nameOf, type TribSession } from "./session.ts";

/** What is done between the parts of a check: a fix fixes open slots before it looks for slots that nobody covers. */
export interface CheckHooks {
  readonly quiet?: boolean;
  readonly afterOpenSlots?: (audit: SlotAudit) => Promise<void>;
  /** The cluster as it is once open slots were fixed. */
  readonly refreshed?: () => Promise<TribCluster>;
}

/** Checks a cluster in the words of redis-trib (check_cluster of 4.0.14). @returns how many errors it named */
export async function clusterFindings(session: TribSession, cluster: TribCluster, hooks: CheckHooks = {}): Promise<number> {
  const { screen } = session;
  const { nodes, seed } = cluster;
  const audit = auditSlots(nodes);
  screen.xputs(`>>> Performing Cluster Check (using node ${nameOf(session, seed.id)})`);
  if (hooks.quiet !== true) for (const node of nodes) screen.xputs(nodeText(session, node, cluster));
  screen.xputs(audit.agreed ? "[OK] All nodes agree about slots configuration." : "[ERR] Nodes don't agree about configuration!");
  const open = sayOpenSlots(session, audit);
  await hooks.afterOpenSlots?.(audit);
  const { uncovered } = hooks.refreshed === undefined ? audit : auditSlots((await hooks.refreshed()).nodes);
  screen.xputs(">>> Check slots coverage...");
  screen.xputs(
    uncovered.length === 0 ? `[OK] All ${SLOT_COUNT} slots covered.` : `[ERR] Not all ${SLOT_COUNT} slots are covered by nodes.`,
  );
  return Number(!audit.agreed) + open + Number(uncovered.length > 0);
}

function sayOpenSlots(session: TribSession, { open, openSlots }: SlotAudit): number {
  const { screen } = session;
  screen.xputs(">>> Check for open slots...");
  let count = 0;
  for (const { node, migrating, importing } of open) {
    for (const [state, slots] of [
      ["migrating", migrating],
      ["importing", importing],
    ] as const) {
      if (slots.length === 0) continue;
      screen.xputs(`[WARNING] Node ${nameOf(session, node.id)} has slots in ${state} state (${slots.join(",")}).`);
      count += 1;
    }
  }
  if (openSlots.length > 0) screen.xputs(`[WARNING] The following slots are open: ${openSlots.join(",")}`);
  return count;
}

/** Only a node that knows nobody and holds nothing is taken into a cluster. @throws Quit */
export function assertEmpty(session: TribSession, { id, knownNodes, keys }: LiveNode): void {
  if (knownNodes === 1 && keys === 0) return;
  session.screen.die(
    `[ERR] Node ${nameOf(session, id)} is not empty. Either the node already knows other nodes (check with CLUSTER NODES) or contains some key in database 0.`,
  );
}
