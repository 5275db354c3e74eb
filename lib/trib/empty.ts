import type { LiveNode } from "../cluster/topology.ts";
import { nameOf, type Session } from "./session.ts";

/** Only a node that knows nobody and holds nothing is taken into a cluster. @throws Quit */
export function assertEmpty(session: Session, { id, knownNodes, keys }: LiveNode): void {
  if (knownNodes === 1 && keys === 0) return;
  session.screen.die(
    `[ERR] Node ${nameOf(session, id)} is not empty. Either the node already knows other nodes (check with CLUSTER NODES) or contains some key in database 0.`,
  );
}
