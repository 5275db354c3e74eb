import type { LayoutKind } from "../lab/layouts.ts";
import { clusterOperations } from "./layouts/cluster.ts";
import { replicationOperations } from "./layouts/replication.ts";
import type { LayoutOperations } from "./layouts/row.ts";
import { sentinelOperations } from "./layouts/sentinel.ts";
import type { Session } from "./session.ts";

/** The running part of each kind of `lib/lab/layouts.ts`: a kind without a row here does not compile. */
const LAYOUT_OPERATIONS: { readonly [K in LayoutKind]: (session: Session) => LayoutOperations } = {
  cluster: clusterOperations,
  sentinel: sentinelOperations,
  replication: replicationOperations,
};

/** What can be asked of the layout of a session's lab, and done to it. */
export function layoutOperations(session: Session): LayoutOperations {
  return LAYOUT_OPERATIONS[session.lab.layout.kind](session);
}
