import { type Placement, placedInstances } from "../../lab/placement.ts";
import type { ClusterMember } from "./types.ts";

/** The instances of a cluster layout with their declared roles. */
export function clusterMembers(placement: Placement): readonly ClusterMember[] {
  return placedInstances(placement).flatMap(({ id, host, address, port, role }) =>
    role.kind === "cluster-master" || role.kind === "cluster-replica" || role.kind === "standby" ? [{ id, host, address, port, role }] : [],
  );
}
