import pLimit from "p-limit";
import { whatOf } from "../error.ts";
import { parseClusterNodes } from "../redis/cluster-nodes.ts";
import { parseClusterInfo, parseInfo } from "../redis/info.ts";
import { RedisReplyError } from "../redis/reply-error.ts";
import type { ClusterNode, EngineInstance, InstanceAccess, Reply } from "../redis/types.ts";
import type { ClusterMember, ClusterObservation, NodeObservation } from "./types.ts";

/** Nodes looked at side by side. */
const CONCURRENCY = 32;
/** Longest wait for the answers of one node, in milliseconds. */
const TIMEOUT_MS = 5000;

/** Looks at every member at once, one round trip each. Never rejects: a node that can't be reached is data. */
export async function observeCluster(members: readonly ClusterMember[], access: InstanceAccess): Promise<ClusterObservation> {
  const limit = pLimit(CONCURRENCY);
  const nodes = await Promise.all(members.map((member) => limit(() => observeNode(member, access))));
  return { nodes: new Map(nodes.map((node) => [node.id, node])) };
}

async function observeNode(member: EngineInstance, access: InstanceAccess): Promise<NodeObservation> {
  try {
    const client = await access.client(member.id);
    const ask = (...command: string[]) => client.call(command, { timeoutMs: TIMEOUT_MS });
    // A node with cluster support off, or one that is loading, answers INFO and refuses the rest: that is for the reader of the observation to judge.
    const soft = (...command: string[]) =>
      ask(...command).catch((error: unknown) => {
        if (error instanceof RedisReplyError) return undefined;
        throw error;
      });
    const [info, cluster, nodes, nodeId, keys] = await Promise.all([
      ask("INFO"),
      soft("CLUSTER", "INFO"),
      soft("CLUSTER", "NODES"),
      soft("CLUSTER", "MYID"),
      soft("DBSIZE"),
    ]);
    const facts = parseInfo(String(info));
    const { state, currentEpoch, myEpoch, knownNodes } = parseClusterInfo(text(cluster));
    const role = facts.role === "master" ? "master" : "replica";
    return {
      id: member.id,
      reachable: true,
      nodeId: text(nodeId),
      version: facts.redis_version ?? "",
      clusterEnabled: facts.cluster_enabled === "1",
      role,
      loading: facts.loading === "1",
      masterLink: role === "master" ? undefined : facts.master_link_status === "up" ? "up" : "down",
      clusterState: state,
      currentEpoch,
      myEpoch,
      knownNodes,
      keys: typeof keys === "number" ? keys : 0,
      view: parseClusterNodes(text(nodes)),
    };
  } catch (error) {
    return { id: member.id, reachable: false, error: whatOf(error) };
  }
}

function text(reply: Reply | undefined): string {
  return typeof reply === "string" ? reply : "";
}

/** The line of CLUSTER NODES in which a node speaks of itself. */
export function selfOf(node: { readonly view: readonly ClusterNode[] }): ClusterNode | undefined {
  return node.view.find(({ myself }) => myself);
}
