import * as v from "valibot";
import { mustAnswer } from "./forming.ts";
import { actionRow, instance, instances, nodeId, number } from "./row.ts";

// What is done to nodes of a formed cluster.

/** All of them within a minute: a node that has forgotten one hears of it again from those that have not (NODES_BLACKLIST_TTL in cluster.c of 4.0.14). */
export const forgetNode = actionRow({
  fields: { leaving: instance, nodeId, by: instances },
  waits: false,
  sideBySide: false,
  inside: false,
  concernsCluster: true,
  nodesOf: ({ leaving, by }) => [leaving, ...by],
  describe: ({ leaving, nodeId: id, by }) =>
    `make ${by.length === 1 ? by[0] : `${by.length} nodes`} forget ${leaving} (node id ${id.slice(0, 8)}…)`,
  *validate({ leaving, nodeId: id, by }, cluster) {
    yield* mustAnswer(cluster, ...by);
    if (cluster.ownsAny(leaving) || cluster.ownsAny(id)) yield `${leaving} owns slots and is forgotten`;
    for (const each of by) {
      if (each === leaving) yield `${leaving} is made to forget itself`;
      if (cluster.replicates(each, leaving) || cluster.replicates(each, id)) yield `${each} replicates ${leaving} and is made to forget it`;
    }
    cluster.leave(leaving);
  },
});

/** Makes it an empty node with a new id that knows nobody. */
export const reset = actionRow({
  fields: { instance },
  waits: false,
  sideBySide: false,
  inside: false,
  concernsCluster: true,
  nodesOf: (action) => [action.instance],
  describe: (action) => `make ${action.instance} an empty node that knows no other node`,
  *validate({ instance: id }, cluster) {
    yield* mustAnswer(cluster, id);
    if (cluster.ownsAny(id)) yield `${id} owns slots and is reset`;
    const keys = cluster.ownKeys(id);
    if (keys > 0) yield `${id} is a master with ${keys} keys and is reset`;
    const [replica] = cluster.replicasOf(id);
    if (replica !== undefined) yield `${id} is reset and ${replica} replicates it`;
    cluster.empty(id);
  },
});

/** Hands a shard to a replica that is in step, without losing an acknowledged write. */
export const failOver = actionRow({
  fields: { master: instance, to: instance },
  waits: false,
  sideBySide: false,
  inside: true,
  concernsCluster: true,
  nodesOf: ({ master, to }) => [master, to],
  describe: ({ master, to }) => `hand the shard of ${master} to ${to}`,
  *validate({ master, to }, cluster) {
    yield* mustAnswer(cluster, master, to);
    if (!cluster.isReplica(to)) yield `${to} takes over and is not a replica`;
    else if (!cluster.replicates(to, master)) yield `${to} takes over from ${master} and does not replicate it`;
    if (!cluster.isMaster(master)) yield `${master} hands over its shard and is not a master`;
    cluster.promote(to, master);
  },
});

/** Makes a replica the master without the master (`force`), or without anybody's vote (`takeover`). Writes that it did not get are lost. */
export const takeOver = actionRow({
  fields: { instance, how: v.picklist(["force", "takeover"]) },
  waits: false,
  sideBySide: false,
  inside: true,
  concernsCluster: true,
  nodesOf: (action) => [action.instance],
  describe: (action) => `let ${action.instance} take over (${action.how})`,
  *validate({ instance: id }, cluster) {
    yield* mustAnswer(cluster, id);
    if (!cluster.isReplica(id)) yield `${id} takes over and is not a replica`;
    cluster.promote(id, cluster.masterOf(id));
  },
});

/** Below it hiccups trigger failovers, and redis-trib refuses it (`set-timeout` of redis-trib.rb of 4.0.14). */
export const LEAST_NODE_TIMEOUT_MS = 100;

export const setNodeTimeout = actionRow({
  fields: { instance, ms: number },
  waits: false,
  sideBySide: false,
  inside: true,
  concernsCluster: false,
  nodesOf: (action) => [action.instance],
  describe: (action) => `set the node timeout of ${action.instance} to ${action.ms} ms`,
  *validate({ instance: id, ms }, cluster) {
    yield* mustAnswer(cluster, id);
    if (!Number.isInteger(ms) || ms < LEAST_NODE_TIMEOUT_MS) yield `the node timeout of ${id} is set to ${ms} ms`;
  },
});
