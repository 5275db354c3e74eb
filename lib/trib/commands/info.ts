import { countSlots, SLOT_COUNT } from "../../cluster/model/slots.ts";
import { loadCluster } from "../load.ts";
import { replicasOf } from "../node-text.ts";
import { nameOf, type TribSession } from "../session.ts";
import { infoLine } from "../words.ts";

/** `info host:port`: keys, slots and replicas of each master. */
export async function run(session: TribSession): Promise<number> {
  const { screen, words } = session;
  const { nodes, complaints } = await loadCluster(session, words[0] ?? "");
  const masters = nodes.filter(({ self }) => self.role === "master");
  for (const node of masters)
    screen.puts(
      infoLine(nameOf(session, node.id), node.nodeId.slice(0, 8), node.keys, countSlots(node.self.slots), replicasOf(node, nodes).length),
    );
  const keys = masters.reduce((sum, node) => sum + node.keys, 0);
  screen.xputs(`[OK] ${keys} keys in ${masters.length} masters.`);
  screen.puts(`${(keys / SLOT_COUNT).toFixed(2)} keys per slot on average.`);
  return complaints === 0 ? 0 : 1;
}
