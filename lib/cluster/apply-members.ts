import type { Emit } from "../events.ts";
import { parseClusterNodes } from "../redis/cluster-nodes.ts";
import { configSet } from "../redis/commands.ts";
import { RedisReplyError } from "../redis/reply-error.ts";
import type { InstanceAccess } from "../redis/types.ts";
import { waitFor } from "../wait.ts";
import { lookAround } from "./agree.ts";
import { commandRefused } from "./errors.ts";
import { failOverMaster } from "./failover.ts";
import { introduce } from "./introduce.ts";
import { observeCluster } from "./observe.ts";
import { acquaintances } from "./topology.ts";
import type { ClusterAction, ClusterMember, MemberAction } from "./types.ts";

export interface MemberOptions {
  readonly emit: Emit;
  readonly signal?: AbortSignal | undefined;
  /** Longest time for one action, in milliseconds. @default 60000 */
  readonly timeoutMs?: number;
  /** When shards were last failed over, so that planned failovers of one keep their distance. @default no failover before */
  readonly failovers?: {
    lastOf(instance: string): number | undefined;
    record(instances: readonly string[]): Promise<void>;
  };
}

/** A reset empties a replica; with some GiB that takes a while. Milliseconds. */
const RESET_TIMEOUT_MS = 60_000;

/** One action on nodes. @returns true where it changed something */
export async function applyMemberAction(
  action: MemberAction | Extract<ClusterAction, { kind: "replicate" }>,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: MemberOptions,
): Promise<boolean> {
  switch (action.kind) {
    case "replicate":
      return replicate(action.instance, action.master, members, access, options);
    case "forget-node":
      await Promise.all(action.by.map((id) => command(id, ["CLUSTER", "FORGET", action.nodeId], access, /Unknown node/i)));
      return true;
    case "reset":
      await command(action.instance, ["CLUSTER", "RESET", "HARD"], access);
      return true;
    case "fail-over": {
      const lastFailoverAt = options.failovers?.lastOf(action.master);
      // What it waits for is told; the step is told by who applies the plan.
      const emit: Emit = (event) => (event.type === "progress" ? options.emit(event) : undefined);
      await failOverMaster(action.master, members, access, {
        emit,
        to: action.to,
        ...(lastFailoverAt !== undefined && { lastFailoverAt }),
        ...timing(options),
      });
      await options.failovers?.record([action.master, action.to]);
      return true;
    }
    case "take-over":
      return takeOver(action.instance, action.how, members, access, options);
    case "set-node-timeout": {
      const client = await access.client(action.instance);
      await configSet(client, "cluster-node-timeout", action.ms);
      await command(action.instance, ["CONFIG", "REWRITE"], access);
      return true;
    }
  }
}

function timing({ signal, timeoutMs }: MemberOptions) {
  return { ...(signal !== undefined && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
}

/** How long a node may take to get to know its master, in milliseconds: a handshake of the two. */
const ACQUAINTANCE_MS = 10_000;

/** Whoever does not know its master yet is introduced to it: CLUSTER REPLICATE takes nobody else. */
async function replicate(
  instance: string,
  master: string,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  { signal }: MemberOptions,
): Promise<boolean> {
  const two = members.filter(({ id }) => id === instance || id === master);
  const nodeId = String(await (await access.client(master)).call(["CLUSTER", "MYID"]));
  const own = await waitFor(
    async () => {
      const view = parseClusterNodes(String(await (await access.client(instance)).call(["CLUSTER", "NODES"])));
      if (acquaintances(view).some(({ id }) => id === nodeId)) return { done: true, value: view.find(({ myself }) => myself) };
      await introduce(await lookAround([instance, master], two, access), access);
      return { done: false, missing: `${instance} does not know ${master}` };
    },
    { what: `${instance} to get to know ${master}`, timeoutMs: ACQUAINTANCE_MS, ...(signal && { signal }) },
  );
  if (own?.masterId === nodeId) return false;
  await command(instance, ["CLUSTER", "REPLICATE", nodeId], access);
  return true;
}

/** Complete when the replica itself and every other node that answers take it for the master. */
async function takeOver(
  instance: string,
  how: "force" | "takeover",
  members: readonly ClusterMember[],
  access: InstanceAccess,
  { timeoutMs = 60_000, signal }: MemberOptions,
): Promise<boolean> {
  const look = async () => {
    const { nodes } = await observeCluster(members, access);
    const own = nodes.get(instance);
    const nodeId = own?.reachable === true ? own.nodeId : undefined;
    const views = [...nodes.values()].flatMap((node) => (node.reachable ? [node.view.find(({ id }) => id === nodeId)] : []));
    return views.filter((line) => line !== undefined && line.role !== "master").length;
  };
  if ((await look()) === 0) return false;
  await command(instance, ["CLUSTER", "FAILOVER", how.toUpperCase()], access);
  await waitFor(
    async () => {
      const left = await look();
      return left === 0
        ? { done: true, value: undefined }
        : { done: false, missing: `${instance} as a master in the view of ${left} nodes` };
    },
    { what: `${instance} to take over`, timeoutMs, ...(signal && { signal }) },
  );
  return true;
}

async function command(instance: string, words: readonly string[], access: InstanceAccess, harmless?: RegExp): Promise<void> {
  try {
    await (await access.client(instance)).call(words, { timeoutMs: RESET_TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof RedisReplyError)) throw error;
    if (harmless?.test(error.message) !== true) throw commandRefused(instance, words.slice(0, 2).join(" "), error.message);
  }
}
