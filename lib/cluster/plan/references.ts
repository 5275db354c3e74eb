import { ambiguousNode, notAMasterNode, unknownNode } from "../model/errors.ts";
import type { LiveNode } from "../model/topology.ts";
import type { ClusterView } from "../model/view.ts";

/** Shortest beginning of a node id that is taken for one. */
const SHORTEST_PREFIX = 4;

/**
 * The node that a user means: by instance (`redis-18:6379`), by host where it has one instance in the cluster, by address (`192.168.1.18:6379`), or by node id or the beginning of one.
 *
 * @throws LabError `cluster.unknown-node`, `cluster.ambiguous-node`
 */
export function findNode(reference: string, { cluster }: ClusterView): LiveNode {
  const wanted = reference.toLowerCase();
  const exact = cluster.live.filter(({ id, nodeId, member }) =>
    [id, nodeId, `${member.address}:${member.port}`].some((name) => name.toLowerCase() === wanted),
  );
  const found =
    exact.length > 0
      ? exact
      : cluster.live.filter(
          ({ nodeId, member }) => member.host.toLowerCase() === wanted || (wanted.length >= SHORTEST_PREFIX && nodeId.startsWith(wanted)),
        );
  const [node] = found;
  if (node === undefined) throw unknownNode(reference, cluster.live);
  if (found.length > 1) throw ambiguousNode(reference, found);
  return node;
}

/** @throws LabError `cluster.not-a-master-node` besides those of `findNode` */
export function findMaster(reference: string, view: ClusterView): LiveNode {
  const node = findNode(reference, view);
  if (node.self.role !== "master") throw notAMasterNode(reference, node.id, view.topology.instanceOf(node.self.masterId ?? ""));
  return node;
}
