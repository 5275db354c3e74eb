import type { InstanceAccess } from "../../redis/types.ts";
import { observeCluster } from "./observe.ts";
import { acquaintances } from "./topology.ts";
import type { ClusterMember, ClusterObservation } from "./types.ts";

/** A node that nobody declared, by its address: its id is `ADDRESS:PORT`. */
export function discoveredMember(address: string, port: number): ClusterMember {
  return { id: `${address}:${port}`, host: address, address, port, role: { kind: "discovered" } };
}

/** Members as they are known, with all nodes that any of them knows of. */
export interface Discovery {
  readonly members: readonly ClusterMember[];
  readonly observation: ClusterObservation;
}

/** How far acquaintances of acquaintances are followed: in a cluster everybody knows everybody, in a broken one this finds the rest. */
const ROUNDS = 4;

/** Looks at some members and at every node that these know of, declared or not. */
export async function discover(known: readonly ClusterMember[], access: InstanceAccess): Promise<Discovery> {
  const nodes = new Map(known.map((member) => [`${member.address}:${member.port}`, member]));
  const seen = new Map<string, ClusterObservation["nodes"] extends ReadonlyMap<string, infer Node> ? Node : never>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const fresh = [...nodes.values()].filter(({ id }) => !seen.has(id));
    if (fresh.length === 0) break;
    for (const [id, node] of (await observeCluster(fresh, access)).nodes) {
      seen.set(id, node);
      if (!node.reachable) continue;
      for (const { address, port, flags } of acquaintances(node.view)) {
        if (address === "" || flags.has("noaddr") || nodes.has(`${address}:${port}`)) continue;
        nodes.set(`${address}:${port}`, discoveredMember(address, port));
      }
    }
  }
  const twins = otherNames([...nodes.values()], known, seen);
  return {
    members: [...nodes.values()].filter(({ id }) => !twins.has(id)),
    observation: { nodes: new Map([...seen].filter(([id]) => !twins.has(id))) },
  };
}

/** Further addresses of nodes that were found by one already: who looks from another network knows a node otherwise. */
function otherNames(
  members: readonly ClusterMember[],
  known: readonly ClusterMember[],
  seen: ClusterObservation["nodes"],
): ReadonlySet<string> {
  const declared = new Set(known.map(({ id }) => id));
  const first = new Map<string, string>();
  const twins = new Set<string>();
  for (const { id } of members) {
    const node = seen.get(id);
    if (node?.reachable !== true || node.nodeId === "") continue;
    if (!first.has(node.nodeId)) first.set(node.nodeId, id);
    else if (!declared.has(id)) twins.add(id);
  }
  return twins;
}
