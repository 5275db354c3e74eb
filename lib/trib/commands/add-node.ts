import { applyCluster } from "../../cluster/apply/apply.ts";
import { observeCluster } from "../../cluster/model/observe.ts";
import { clusterAround, type LiveNode, readTopology } from "../../cluster/model/topology.ts";
import type { ClusterAction } from "../../cluster/model/types.ts";
import { addNodePlan, fewestReplicas } from "../../cluster/plan/membership.ts";
import { assertEmpty, clusterFindings } from "../check.ts";
import { dotting } from "../dots.ts";
import { loadSettled, openNode, type TribCluster } from "../load.ts";
import { warnUnlessAgreed } from "../moves.ts";
import { nameOf, type TribSession } from "../session.ts";
import { AS_REPLICA } from "../words.ts";

/** `add-node new_host:new_port existing_host:existing_port`. @returns 1 where it was not added, or the nodes do not agree about it */
export async function run(session: TribSession): Promise<number> {
  const { screen, words, options, access, host } = session;
  const [fresh = "", existing = ""] = words;
  screen.xputs(`>>> Adding node ${fresh} to cluster ${existing}`);
  const cluster = await loadSettled(session, existing);
  if ((await clusterFindings(session, cluster)) > 0) {
    screen.puts("*** Please fix your cluster problems before adding a node");
    return 1;
  }
  const master = options.has(AS_REPLICA) ? chooseMaster(session, cluster, fresh) : undefined;
  const node = await openNode(session, fresh);
  assertEmpty(session, node);
  const members = [...cluster.cluster.live.map(({ member }) => member), node.member];
  const topology = readTopology(await observeCluster(members, access), members);
  const { actions } = addNodePlan(
    { instance: node.id, ...(master !== undefined && { replicaOf: master.id }) },
    { members, topology, cluster: clusterAround(topology, cluster.seed.id) },
  );
  const apply = (...kinds: readonly ClusterAction["kind"][]) => {
    const plan = { actions: actions.filter(({ action }) => kinds.includes(action.kind)), findings: [] };
    return applyCluster(plan, members, access, { emit: () => {}, signal: host.signal });
  };
  screen.xputs(`>>> Send CLUSTER MEET to node ${nameOf(session, node.id)} to make it join the cluster.`);
  await apply("meet");
  if (master === undefined) await apply("await-joined");
  else {
    await dotting(screen, "Waiting for the cluster to join", () => apply("await-joined"));
    screen.xputs(`>>> Configure node as replica of ${nameOf(session, master.id)}.`);
    await apply("replicate");
  }
  await warnUnlessAgreed(session, members);
  screen.xputs("[OK] New node added correctly.");
  return 0;
}

/** The master that was named by its node id, or the one with the fewest replicas. @throws Quit */
function chooseMaster(session: TribSession, cluster: TribCluster, fresh: string): LiveNode {
  const { screen, options } = session;
  const id = options.value("master-id");
  if (id !== undefined) {
    const master = cluster.nodes.find(({ nodeId, self }) => nodeId === id.toLowerCase() && self.role === "master");
    return master ?? screen.die(`[ERR] No such master ID ${id}`);
  }
  const address = fresh.slice(0, fresh.lastIndexOf(":"));
  const newcomer = { nodeId: "", member: { id: fresh, host: address, address, port: 0, role: { kind: "discovered" } } } as const;
  const master = fewestReplicas(cluster, newcomer);
  screen.xputs(`Automatically selected master ${nameOf(session, master.id)}`);
  return master;
}
