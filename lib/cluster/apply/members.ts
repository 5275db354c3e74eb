import type { Emit } from "../../base/events.ts";
import { waitFor } from "../../base/wait.ts";
import { parseClusterNodes } from "../../redis/cluster-nodes.ts";
import { configSet } from "../../redis/commands.ts";
import { RedisReplyError } from "../../redis/reply-error.ts";
import type { InstanceAccess } from "../../redis/types.ts";
import { observeAgreement } from "../gossip/agreement.ts";
import { FORGETTING_MS, forget, forgetEverywhere } from "../gossip/forget.ts";
import { INTRODUCE_AGAIN_MS, introduce } from "../gossip/introduce.ts";
import { commandRefused, notReady } from "../model/errors.ts";
import { observeCluster, patienceWith } from "../model/observe.ts";
import { acquaintances } from "../model/topology.ts";
import type { ClusterActionOf, MemberAction } from "../model/types.ts";
import { failOverMaster } from "./failover.ts";
import type { ClusterAppliers, ClusterApplyContext, ClusterApplyOptions } from "./options.ts";

/** A reset empties a replica; with some GiB that takes a while. Milliseconds. */
const RESET_TIMEOUT_MS = 60_000;

/** What is done to nodes. */
export const MEMBER_APPLIERS: ClusterAppliers<MemberAction["kind"] | "replicate"> = {
  replicate,
  async "forget-node"({ leaving, by, nodeId }, { members, access, options }) {
    await Promise.all(by.map((id) => forget(id, nodeId, access)));
    const at = members.find(({ id }) => id === leaving && id !== nodeId);
    await forgetEverywhere({ id: leaving, nodeIds: new Set([nodeId]), at }, members, access, options);
    return true;
  },
  reset,
  async "fail-over"({ master, to }, { members, access, options }) {
    const lastFailoverAt = options.failovers?.lastOf(master);
    // What it waits for is reported here; the step is reported where the plan is applied.
    const emit: Emit = (event) => (event.type === "progress" ? options.emit(event) : undefined);
    await failOverMaster(master, members, access, {
      emit,
      to,
      lastFailoverAt,
      ...timing(options),
    });
    await options.failovers?.record([master, to]);
    return true;
  },
  "take-over": takeOver,
  async "set-node-timeout"({ instance, ms }, { access }) {
    await configSet(await access.client(instance), "cluster-node-timeout", ms);
    await command(instance, ["CONFIG", "REWRITE"], access);
    return true;
  },
};

function timing({ signal, timeoutMs }: ClusterApplyOptions) {
  return { signal, timeoutMs };
}

/** Complete when the node knows nobody, and nobody knows it: a node that was in a handshake with it would otherwise bring it back, under its new id. */
async function reset(
  { instance }: ClusterActionOf<"reset">,
  { members, access, options: { signal, timeoutMs = FORGETTING_MS } }: ClusterApplyContext,
): Promise<boolean> {
  const nodeIds = new Set<string>();
  const idNow = async () => String(await (await access.client(instance)).call(["CLUSTER", "MYID"]));
  await waitFor(
    async () => {
      nodeIds.add(await idNow());
      await command(instance, ["CLUSTER", "RESET", "HARD"], access);
      nodeIds.add(await idNow());
      const at = members.find(({ id }) => id === instance);
      await forgetEverywhere({ id: instance, nodeIds, at }, members, access, { timeoutMs, signal });
      const view = parseClusterNodes(String(await (await access.client(instance)).call(["CLUSTER", "NODES"])));
      return view.length === 1 ? { done: true, value: undefined } : { done: false, missing: `${instance} alone` };
    },
    { what: `${instance} to know no other node`, timeoutMs, signal },
  );
  return true;
}

/** How long a node may take to get to know its master, in milliseconds: a handshake of the two. */
const ACQUAINTANCE_MS = 10_000;

/** A replica that does not know its master yet is introduced to it: CLUSTER REPLICATE takes only a node that is known. */
async function replicate(
  { instance, master }: ClusterActionOf<"replicate">,
  { members, access, options: { signal } }: ClusterApplyContext,
): Promise<boolean> {
  const two = members.filter(({ id }) => id === instance || id === master);
  const timeoutMs = patienceWith(members.length);
  const nodeId = String(await (await access.client(master)).call(["CLUSTER", "MYID"], { timeoutMs }));
  let nextIntroduction = 0;
  const own = await waitFor(
    async () => {
      const view = parseClusterNodes(String(await (await access.client(instance)).call(["CLUSTER", "NODES"], { timeoutMs })));
      if (acquaintances(view).some(({ id }) => id === nodeId)) return { done: true, value: view.find(({ myself }) => myself) };
      if (performance.now() >= nextIntroduction) {
        await introduce(await observeAgreement([instance, master], two, access), access);
        nextIntroduction = performance.now() + INTRODUCE_AGAIN_MS;
      }
      return { done: false, missing: `${instance} does not know ${master}` };
    },
    { what: `${instance} to get to know ${master}`, timeoutMs: ACQUAINTANCE_MS + timeoutMs, signal },
  );
  if (own?.masterId === nodeId) return false;
  await command(instance, ["CLUSTER", "REPLICATE", nodeId], access);
  return true;
}

/** Complete when the replica itself and every other node that answers take it for the master. */
async function takeOver(
  { instance, how }: ClusterActionOf<"take-over">,
  { members, access, options: { timeoutMs = 60_000, signal } }: ClusterApplyContext,
): Promise<boolean> {
  const look = async () => {
    const { nodes } = await observeCluster(members, access);
    const own = nodes.get(instance);
    if (own?.reachable !== true) return undefined;
    const views = [...nodes.values()].flatMap((node) => (node.reachable ? [node.view.find(({ id }) => id === own.nodeId)] : []));
    return views.filter((line) => line !== undefined && line.role !== "master").length;
  };
  const before = await look();
  if (before === undefined) throw notReady([{ text: `${instance} is to take over and does not answer.` }]);
  if (before === 0) return false;
  await command(instance, ["CLUSTER", "FAILOVER", how.toUpperCase()], access);
  await waitFor(
    async () => {
      const left = await look();
      if (left === undefined) return { done: false, missing: `an answer of ${instance}` };
      return left === 0
        ? { done: true, value: undefined }
        : { done: false, missing: `${instance} as a master in the view of ${left} nodes` };
    },
    { what: `${instance} to take over`, timeoutMs, signal },
  );
  return true;
}

async function command(instance: string, words: readonly string[], access: InstanceAccess): Promise<void> {
  try {
    await (await access.client(instance)).call(words, { timeoutMs: RESET_TIMEOUT_MS });
  } catch (error) {
    throw error instanceof RedisReplyError ? commandRefused(instance, words.slice(0, 2).join(" "), error.message) : error;
  }
}
