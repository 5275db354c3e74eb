import { isLabError } from "../../base/error.ts";
import type { LabEvent } from "../../base/events.ts";
import { waitFor } from "../../base/wait.ts";
import { parseClusterNodes } from "../../redis/cluster-nodes.ts";
import { RedisReplyError } from "../../redis/reply-error.ts";
import type { ClusterNode, InstanceAccess, Reply } from "../../redis/types.ts";
import { findBusFaults } from "../findings/bus-faults.ts";
import { type Agreement, formed, joined, observeAgreement, outOfStep } from "../gossip/agreement.ts";
import { introductions } from "../gossip/introduce.ts";
import { goesSideBySide } from "../model/actions/index.ts";
import { commandRefused, goneReasons, nodesGone, notFormed, notJoined, refusedPlan, slotTaken, unknownInstance } from "../model/errors.ts";
import { patienceWith } from "../model/observe.ts";
import { countSlots, eachSlot, formatRanges, rangesWhere, withoutSlots } from "../model/slots.ts";
import type { ClusterActionKind, ClusterActionOf, ClusterMember, ClusterPlan } from "../model/types.ts";
import { MEMBER_APPLIERS } from "./members.ts";
import type { ClusterAppliers, ClusterApplyContext, ClusterApplyOptions } from "./options.ts";
import { membersInReach } from "./reach.ts";
import { applyMoves, SLOT_APPLIERS } from "./slots.ts";

/**
 * Carries out a plan, one action after the other. Every action may have been done already, by an earlier run that was cut off: then it says `unchanged`. Nodes that the plan does not name and that are not of their
 * cluster are left alone.
 *
 * @param all every node that may be looked at
 * @throws LabError `cluster.refused`, `cluster.slot-taken`, `cluster.command-refused`, `cluster.not-joined` and `cluster.not-formed` (with the reason by name)
 */
export async function applyCluster(
  plan: ClusterPlan,
  all: readonly ClusterMember[],
  access: InstanceAccess,
  options: ClusterApplyOptions,
): Promise<void> {
  const refusals = plan.findings.filter(({ severity }) => severity === "refuses");
  if (refusals.length > 0) throw refusedPlan(refusals);
  const members = await membersInReach(plan, all, access);
  const context = { members, access, options };
  for (const group of together(plan.actions)) {
    options.signal?.throwIfAborted();
    const moves = group.flatMap(({ action }) => (action.kind === "move-slots" ? [action] : []));
    if (moves.length > 0) {
      const hosts = new Set(moves.flatMap(({ source, target }) => [source, target]).map((id) => memberOf(members, id).host));
      const summary = group.map((one) => one.summary).join("; ");
      await reported({ summary, changes: moves.length, hosts: [...hosts] }, options, () => applyMoves(moves, context));
      continue;
    }
    const done = await Promise.allSettled(
      group.map(({ action, summary }) => {
        const host = "instance" in action ? memberOf(members, action.instance).host : undefined;
        return reported({ host, summary }, options, () => applyAction(action, context));
      }),
    );
    const failed = done.find((each) => each.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }
}

/** What is reported of actions that are done together. */
interface ReportedStep extends Pick<Extract<LabEvent, { type: "step" }>, "changes" | "hosts"> {
  readonly host?: string | undefined;
  readonly summary: string;
}

async function reported({ summary, ...step }: ReportedStep, { emit }: ClusterApplyOptions, work: () => Promise<boolean>): Promise<void> {
  const event = { type: "step", host: undefined, ...step, step: "layout", detail: summary } as const;
  emit({ ...event, state: "started" });
  try {
    const changed = await work();
    emit({ ...event, state: changed ? "changed" : "unchanged" });
  } catch (error) {
    emit({ ...event, state: "failed" });
    throw error;
  }
}

type Steps = ClusterPlan["actions"];

/** Actions of one kind that stand beside each other and may be done at once. */
function together(actions: Steps): readonly Steps[] {
  const groups: Steps[number][][] = [];
  for (const step of actions) {
    const last = groups.at(-1);
    if (last?.[0]?.action.kind === step.action.kind && goesSideBySide(step.action.kind)) last.push(step);
    else groups.push([step]);
  }
  return groups;
}

/** How each kind of action is carried out; what else there is to say of a kind is its row in model/actions/. */
const APPLIERS: ClusterAppliers<ClusterActionKind> = {
  "set-config-epoch": setConfigEpoch,
  "add-slots": addSlots,
  forget,
  meet,
  "await-joined": (action, context) => agree("joined", action.instances, context),
  "await-formed": (action, context) => agree("formed", action.instances, context),
  ...MEMBER_APPLIERS,
  ...SLOT_APPLIERS,
};

/** Carries out one action. @returns true where it changed something */
export async function applyAction<Kind extends ClusterActionKind>(
  action: ClusterActionOf<Kind>,
  context: ClusterApplyContext,
): Promise<boolean> {
  // What it was planned from may be a look at nodes that were given up.
  context.options.signal?.throwIfAborted();
  return APPLIERS[action.kind](action, context);
}

async function setConfigEpoch({ instance, epoch }: ClusterActionOf<"set-config-epoch">, { access }: ClusterApplyContext): Promise<boolean> {
  const client = await access.client(instance);
  try {
    await client.call(["CLUSTER", "SET-CONFIG-EPOCH", epoch]);
    return true;
  } catch (error) {
    // It knows others or has an epoch already. Two masters with equal epochs settle that among themselves, so only a lower one than asked for is worth a word.
    if (!(error instanceof RedisReplyError) || !/already non-zero|does not know any other/i.test(error.message))
      throw refusal(instance, "CLUSTER SET-CONFIG-EPOCH", error);
    const self = await selfOf(instance, access);
    if ((self?.configEpoch ?? 0) >= epoch) return false;
    return String(await client.call(["CLUSTER", "BUMPEPOCH"])).startsWith("BUMPED");
  }
}

async function addSlots({ instance, slots }: ClusterActionOf<"add-slots">, { members, access }: ClusterApplyContext): Promise<boolean> {
  const view = await viewOf(instance, access);
  const missing = withoutSlots(slots, view.find(({ myself }) => myself)?.slots ?? []);
  if (countSlots(missing) === 0) return false;
  const wanted = new Set(eachSlot(missing));
  const owner = view.find((node) => !node.myself && [...eachSlot(node.slots)].some((slot) => wanted.has(slot)));
  if (owner !== undefined) {
    const named =
      members.find(({ address, port }) => address === owner.address && port === owner.port)?.id ?? `${owner.address}:${owner.port}`;
    const taken = new Set(eachSlot(owner.slots));
    throw slotTaken(instance, formatRanges(rangesWhere((slot) => wanted.has(slot) && taken.has(slot))), named);
  }
  // One command for all: the server checks every slot before it takes the first.
  await command(instance, ["CLUSTER", "ADDSLOTS", ...wanted], access);
  return true;
}

async function forget({ instance, nodeId }: ClusterActionOf<"forget">, { access }: ClusterApplyContext): Promise<boolean> {
  if (!(await viewOf(instance, access)).some(({ id }) => id === nodeId)) return false;
  await command(instance, ["CLUSTER", "FORGET", nodeId], access);
  return true;
}

async function meet({ seed, instance }: ClusterActionOf<"meet">, { members, access }: ClusterApplyContext): Promise<boolean> {
  const { address, port } = memberOf(members, instance);
  // All of a plan are met at once.
  await command(seed, ["CLUSTER", "MEET", address, port], access, patienceWith(members.length));
  return true;
}

/** Waits until the nodes know each other, or until they agree in everything. Those who do not are introduced, again and again; a reason that stays ends the wait at once. @returns false */
async function agree(
  goal: "joined" | "formed",
  instances: readonly string[],
  { members, access, options }: ClusterApplyContext,
): Promise<boolean> {
  const timeoutMs = options.timeoutMs ?? 60_000;
  const pause = options.diagnoseAfterMs ?? 4000;
  const started = performance.now();
  const seconds = () => Math.round((performance.now() - started) / 100) / 10;
  const fail = goal === "joined" ? notJoined : notFormed;
  const introduceThem = introductions(access);
  let nextDiagnosis = started + pause;
  let last: Agreement | undefined;
  let missing = "";
  let reported: string | undefined;
  let completeUntil = started;
  const reached = (agreement: Agreement) => (goal === "joined" ? joined(agreement) : formed(agreement));
  try {
    await waitFor(
      async () => {
        const agreement = await observeAgreement(instances, members, access);
        last = agreement;
        const look = reached(agreement);
        if (look.done) return look;
        missing = look.missing;
        const now = performance.now();
        const { gone, silent, nodes } = agreement;
        if (gone.length === 0) completeUntil = now;
        // Who died meanwhile is not waited for, once the others have got over it.
        const over = gone.length === silent.length && gone.every(({ noticed }) => noticed) && now - completeUntil >= GONE_AFTER * pause;
        if (gone.length > 0 && over && reached({ ...agreement, silent: [] }).done) throw nodesGone(gone, nodes.length);
        await introduceThem(agreement);
        if (now >= nextDiagnosis && agreement.gaps.length + agreement.astray.length + agreement.doubted.length > 0) {
          const faults = (await findBusFaults(agreement.nodes, access)).filter(({ kind }) => kind !== "handshake-stuck");
          if (faults.length > 0) throw fail(missing, faults, seconds());
          nextDiagnosis = performance.now() + pause;
        }
        return {
          ...look,
          left: [agreement.gaps, agreement.stale, agreement.astray, agreement.silent].reduce((sum, { length }) => sum + length, 0),
        };
      },
      {
        what: goal === "joined" ? "the nodes to know each other" : "the cluster to agree",
        timeoutMs,
        onPending: (detail) => {
          if (detail !== reported) options.emit({ type: "progress", host: undefined, step: "layout", detail });
          reported = detail;
        },
        signal: options.signal,
      },
    );
    return false;
  } catch (error) {
    if (!(isLabError(error) && error.code === "wait.timeout")) throw error;
    if (last === undefined) throw fail(missing, [], seconds());
    const silent = goneReasons(last.gone);
    const { nodes, gaps } = last;
    // A handshake of two that know each other is how one of them tells the other of itself (introduce.ts).
    const lasting = async () => (await findBusFaults(nodes, access)).filter(({ kind }) => gaps.length > 0 || kind !== "handshake-stuck");
    const faults = silent.length > 0 ? silent : await lasting();
    throw fail(missing, faults.length > 0 || gaps.length > 0 ? faults : outOfStep(last), seconds());
  }
}

/** How long a node may be silent before it counts as gone, in pauses before a diagnosis: a restart takes some seconds. */
const GONE_AFTER = 2;

async function viewOf(instance: string, access: InstanceAccess): Promise<readonly ClusterNode[]> {
  return parseClusterNodes(String(await command(instance, ["CLUSTER", "NODES"], access)));
}

async function selfOf(instance: string, access: InstanceAccess): Promise<ClusterNode | undefined> {
  return (await viewOf(instance, access)).find(({ myself }) => myself);
}

async function command(instance: string, words: readonly (string | number)[], access: InstanceAccess, timeoutMs?: number): Promise<Reply> {
  try {
    return await (await access.client(instance)).call(words, { timeoutMs });
  } catch (error) {
    throw refusal(instance, words.slice(0, 2).join(" "), error);
  }
}

function refusal(instance: string, name: string, error: unknown): unknown {
  return error instanceof RedisReplyError ? commandRefused(instance, name, error.message) : error;
}

function memberOf(members: readonly ClusterMember[], id: string): ClusterMember {
  const member = members.find((candidate) => candidate.id === id);
  if (member === undefined) throw unknownInstance(id);
  return member;
}
