import pLimit from "p-limit";
import { type KnownLines, parseClusterNodes } from "../../redis/cluster-nodes.ts";
import { healthOf } from "../../redis/health.ts";
import { parseClusterInfo, parseInfo } from "../../redis/info.ts";
import { reportedVersion } from "../../redis/products.ts";
import { RedisReplyError } from "../../redis/reply-error.ts";
import { unanswered } from "../../redis/server.ts";
import type { ClusterNode, EngineInstance, InstanceAccess, Reply } from "../../redis/types.ts";
import type { ClusterMember, ClusterObservation, NodeObservation } from "./types.ts";

/** Nodes looked at side by side. */
const CONCURRENCY = 32;
/** Longest wait for the answers of one node, in milliseconds. */
const TIMEOUT_MS = 5000;
/** And longer for each node that is looked at, as all of them may stand on one computer that is busy with them. */
const TIMEOUT_PER_NODE_MS = 100;

/** Longest wait for an answer of one of some nodes that are all at work at once, in milliseconds. */
export function patienceWith(nodes: number): number {
  return TIMEOUT_MS + TIMEOUT_PER_NODE_MS * nodes;
}

/** Looks at every member at once, one round trip each. A node that can't be reached is data. @throws LabError `connection.open-files` alone */
export async function observeCluster(members: readonly ClusterMember[], access: InstanceAccess): Promise<ClusterObservation> {
  const limit = pLimit(CONCURRENCY);
  const lines: KnownLines = new Map();
  const look = { access, lines, timeoutMs: patienceWith(members.length) };
  const nodes = await Promise.all(members.map((member) => limit(() => observeNode(member, look))));
  return { nodes: new Map(nodes.map((node) => [node.id, node])) };
}

interface Look {
  readonly access: InstanceAccess;
  readonly lines: KnownLines;
  readonly timeoutMs: number;
}

async function observeNode(member: EngineInstance, { access, lines, timeoutMs }: Look): Promise<NodeObservation> {
  try {
    const client = await access.client(member.id);
    const ask = (...command: string[]) => client.call(command, { timeoutMs });
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
      version: reportedVersion(facts),
      clusterEnabled: facts.cluster_enabled === "1",
      role,
      loading: facts.loading === "1",
      masterLink: role === "master" ? undefined : facts.master_link_status === "up" ? "up" : "down",
      offset: Number(facts.master_repl_offset ?? 0),
      streamId: facts.master_replid ?? "",
      clusterState: state,
      currentEpoch,
      myEpoch,
      knownNodes,
      keys: typeof keys === "number" ? keys : 0,
      view: parseClusterNodes(text(nodes), lines),
      health: healthOf(facts),
    };
  } catch (error) {
    return unanswered(member.id, error);
  }
}

function text(reply: Reply | undefined): string {
  return typeof reply === "string" ? reply : "";
}

/** The line of CLUSTER NODES in which a node speaks of itself. */
export function selfOf(node: { readonly view: readonly ClusterNode[] }): ClusterNode | undefined {
  return node.view.find(({ myself }) => myself);
}
