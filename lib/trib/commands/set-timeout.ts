import { applyAction } from "../../cluster/apply/apply.ts";
import { reasonUnreachable } from "../../redis/reply-error.ts";
import { loadCluster } from "../load.ts";
import { nameOf, type TribSession } from "../session.ts";

/** As redis-trib.rb has it: less makes failovers out of hiccups. Milliseconds. */
const LEAST_MS = 100;

/** `set-timeout host:port milliseconds`: cluster-node-timeout of every node, at once and in its file. @returns 1 where a node did not take it */
export async function run(session: TribSession): Promise<number> {
  const { screen, words, access, host } = session;
  const [where = "", text = ""] = words;
  const ms = /^\d+$/.test(text) ? Number(text) : 0;
  if (ms < LEAST_MS) {
    screen.puts(`Setting a node timeout of less than ${LEAST_MS} milliseconds is a bad idea.`);
    return 1;
  }
  const { nodes, members } = await loadCluster(session, where);
  screen.xputs(">>> Reconfiguring node timeout in every cluster node...");
  let failed = 0;
  for (const { id } of nodes) {
    host.signal.throwIfAborted();
    try {
      await applyAction({ kind: "set-node-timeout", instance: id, ms }, { members, access, options: { emit: () => {} } });
      screen.xputs(`*** New timeout set for ${nameOf(session, id)}`);
    } catch (error) {
      screen.puts(`ERR setting node-timeot for ${nameOf(session, id)}: ${reasonUnreachable(error)}`);
      failed += 1;
    }
  }
  screen.xputs(`>>> New node timeout set. ${nodes.length - failed} OK, ${failed} ERR.`);
  return failed === 0 ? 0 : 1;
}
