import { LabError } from "../../base/error.ts";
import { eachSlot } from "../../cluster/model/slots.ts";
import { mastersOf } from "../../cluster/model/topology.ts";
import { type RebalancePlan, rebalancePlan } from "../../cluster/plan/moves.ts";
import { clusterFindings } from "../check.ts";
import { badNumber } from "../errors.ts";
import { Quit } from "../host.ts";
import { loadSettled, type TribCluster } from "../load.ts";
import { applyMoves, tellPairs } from "../moves.ts";
import { rubyFloat } from "../ruby.ts";
import { moveSettings, nameOf, type TribSession } from "../session.ts";

const DEFAULT_THRESHOLD = 2;

/** `rebalance host:port`: slots in proportion to weights. @returns 1 where it was not done */
export async function run(session: TribSession): Promise<number> {
  const { screen, options, words } = session;
  moveSettings(session);
  const threshold = thresholdOf(session);
  const cluster = await loadSettled(session, words[0] ?? "");
  const weights = weightsOf(session, cluster);
  if ((await clusterFindings(session, cluster, { quiet: true })) > 0) {
    screen.puts("*** Please fix your cluster problems before rebalancing");
    return 1;
  }
  const plan = planned(session, cluster, weights, threshold);
  const { balances, totalWeight } = plan.rebalance;
  if (balances.length === 0) {
    screen.xputs(`*** No rebalancing needed! All nodes are within the ${rubyFloat(threshold)}% threshold.`);
    return 0;
  }
  screen.xputs(
    `>>> Rebalancing across ${balances.length} nodes. Total weight = ${weights.size === 0 ? totalWeight : rubyFloat(totalWeight)}`,
  );
  if (options.has("verbose")) for (const { id, excess } of balances) screen.puts(`${nameOf(session, id)} balance is ${excess} slots`);
  const pairs = plan.rebalance.moves.map(({ source, target, slots }) => ({ source, target, slots: [...eachSlot(slots)] }));
  const teller = tellPairs(session, pairs);
  if (options.has("simulate"))
    for (const { source, target, slots } of pairs) for (const slot of slots) teller.onSlot({ slot, source, target, keys: 0, bytes: 0 });
  else await applyMoves(session, cluster, plan, teller);
  return 0;
}

/** @throws LabError `trib.bad-number` */
function thresholdOf({ options }: TribSession): number {
  const text = options.value("threshold");
  if (text === undefined) return DEFAULT_THRESHOLD;
  const threshold = Number(text);
  if (!(threshold > 0 && threshold <= 100)) throw badNumber("threshold", text, "a percentage above 0, up to 100,");
  return threshold;
}

/** `id=weight`, by the whole node id or the beginning of one. @throws Quit, LabError `trib.bad-number` */
function weightsOf({ screen, options, host }: TribSession, { nodes, cluster }: TribCluster): ReadonlyMap<string, number> {
  const weights = new Map<string, number>();
  for (const text of options.values("weight")) {
    const [name = "", weight = ""] = text.split("=");
    const found = nodes.filter(({ nodeId }) => name !== "" && nodeId.startsWith(name.toLowerCase()));
    const [node] = found;
    if (node === undefined || found.length > 1 || !mastersOf(cluster).includes(node)) {
      screen.puts(`*** No such master node ${name}`);
      if (found.length > 1) host.warn(`redis-trib: ${name} may be ${found.map(({ id, nodeId }) => `${nodeId} (${id})`).join(" or ")}.`);
      throw new Quit(1);
    }
    if (!/^\d+(\.\d+)?$/.test(weight)) throw badNumber("weight", text, "a weight of 0 or more");
    weights.set(node.id, Number(weight));
  }
  return weights;
}

function planned(
  { screen, options }: TribSession,
  cluster: TribCluster,
  weights: ReadonlyMap<string, number>,
  threshold: number,
): RebalancePlan {
  try {
    return rebalancePlan({ weights, threshold, useEmptyMasters: options.has("use-empty-masters") }, cluster);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    return screen.die(`*** ${error.what}`);
  }
}
