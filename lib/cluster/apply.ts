import { isLabError } from "../error.ts";
import { parseClusterNodes } from "../redis/cluster-nodes.ts";
import { RedisReplyError } from "../redis/reply-error.ts";
import type { ClusterNode, InstanceAccess, Reply } from "../redis/types.ts";
import { waitFor } from "../wait.ts";
import { type Agreement, formed, joined, lookAround, outOfStep } from "./agree.ts";
import { applyMemberAction } from "./apply-members.ts";
import type { ApplyOptions } from "./apply-options.ts";
import { applyMoves, applySlotAction } from "./apply-slots.ts";
import { diagnoseBus } from "./diagnose.ts";
import { commandRefused, notFormed, notJoined, refusedPlan, slotTaken, unknownInstance } from "./errors.ts";
import { countSlots, eachSlot, formatRanges, rangesWhere, withoutSlots } from "./slots.ts";
import type { ClusterAction, ClusterMember, ClusterPlan } from "./types.ts";

/** Pause between two MEETs of the same pair, in milliseconds: a handshake lives for max(cluster-node-timeout, 1 s), and a repeated MEET costs nothing. */
const MEET_AGAIN_MS = 1000;

/**
 * Carries out a plan, one action after the other. Every action may have been done already, by an earlier run that was cut off: then it says `unchanged`.
 *
 * @throws LabError `cluster.refused`, `cluster.slot-taken`, `cluster.command-refused`, `cluster.not-joined` and `cluster.not-formed` (with the reason by name)
 */
export async function applyCluster(
  plan: ClusterPlan,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: ApplyOptions,
): Promise<void> {
  const refusals = plan.findings.filter(({ severity }) => severity === "refuses");
  if (refusals.length > 0) throw refusedPlan(refusals.map(({ text }) => text));
  for (const step of together(plan.actions)) {
    const { action, summary } = step;
    options.signal?.throwIfAborted();
    const host = "instance" in action ? memberOf(members, action.instance).host : undefined;
    options.emit({ type: "step", host, step: "layout", state: "started", detail: summary });
    try {
      const changed = await (step.moves !== undefined
        ? applyMoves(step.moves, members, access, options)
        : applyAction(action, members, access, options));
      options.emit({ type: "step", host, step: "layout", state: changed ? "changed" : "unchanged", detail: summary });
    } catch (error) {
      options.emit({ type: "step", host, step: "layout", state: "failed", detail: summary });
      throw error;
    }
  }
}

type Move = Extract<ClusterAction, { kind: "move-slots" }>;
type Step = { readonly action: ClusterAction; readonly summary: string; readonly moves?: readonly Move[] };

/** Moves that stand beside each other are one step: their slots travel side by side. */
function together(actions: ClusterPlan["actions"]): readonly Step[] {
  const steps: Step[] = [];
  for (const { action, summary } of actions) {
    const last = steps.at(-1);
    if (action.kind !== "move-slots") steps.push({ action, summary });
    else if (last?.moves === undefined) steps.push({ action, summary, moves: [action] });
    else steps.splice(-1, 1, { action: last.action, summary: `${last.summary}; ${summary}`, moves: [...last.moves, action] });
  }
  return steps;
}

/** True when it changed something. */
async function applyAction(
  action: ClusterAction,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: ApplyOptions,
): Promise<boolean> {
  switch (action.kind) {
    case "set-config-epoch":
      return setConfigEpoch(action, access);
    case "add-slots":
      return addSlots(action, members, access);
    case "forget":
      return forget(action, access);
    case "meet":
      await meet(action.seed, memberOf(members, action.instance), access);
      return true;
    case "await-joined":
      await agree("joined", action.instances, members, access, options);
      return false;
    case "await-formed":
      await agree("formed", action.instances, members, access, options);
      return false;
    case "move-slots":
      return applyMoves([action], members, access, options);
    case "claim-slots":
    case "disown-slots":
    case "gather-keys":
    case "close-slots":
      return applySlotAction(action, members, access, options);
    default:
      return applyMemberAction(action, members, access, options);
  }
}

async function setConfigEpoch(
  { instance, epoch }: Extract<ClusterAction, { kind: "set-config-epoch" }>,
  access: InstanceAccess,
): Promise<boolean> {
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

async function addSlots(
  { instance, slots }: Extract<ClusterAction, { kind: "add-slots" }>,
  members: readonly ClusterMember[],
  access: InstanceAccess,
): Promise<boolean> {
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

async function forget({ instance, nodeId }: Extract<ClusterAction, { kind: "forget" }>, access: InstanceAccess): Promise<boolean> {
  if (!(await viewOf(instance, access)).some(({ id }) => id === nodeId)) return false;
  await command(instance, ["CLUSTER", "FORGET", nodeId], access);
  return true;
}

async function meet(seed: string, { address, port }: ClusterMember, access: InstanceAccess): Promise<void> {
  await command(seed, ["CLUSTER", "MEET", address, port], access);
}

/** Waits until the nodes know each other, or until they agree in everything. MEET is repeated for those who do not; a reason that stays ends the wait at once. */
async function agree(
  goal: "joined" | "formed",
  instances: readonly string[],
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: ApplyOptions,
): Promise<void> {
  const timeoutMs = options.timeoutMs ?? 60_000;
  const pause = options.diagnoseAfterMs ?? 4000;
  const started = performance.now();
  const seconds = () => Math.round((performance.now() - started) / 100) / 10;
  const fail = goal === "joined" ? notJoined : notFormed;
  let nextMeet = started + MEET_AGAIN_MS;
  let nextDiagnosis = started + pause;
  let last: Agreement | undefined;
  let missing = "";
  let told: string | undefined;
  try {
    await waitFor(
      async () => {
        const agreement = await lookAround(instances, members, access);
        last = agreement;
        const look = goal === "joined" ? joined(agreement) : formed(agreement);
        if (look.done) return look;
        missing = look.missing;
        const now = performance.now();
        if (now >= nextMeet && agreement.gaps.length > 0) {
          nextMeet = now + MEET_AGAIN_MS;
          await meetAgain(agreement, access);
        }
        if (now >= nextDiagnosis && agreement.gaps.length + agreement.astray.length + agreement.doubted.length > 0) {
          const faults = (await diagnoseBus(agreement.nodes, access)).filter(({ kind }) => kind !== "handshake-stuck");
          if (faults.length > 0) throw fail(missing, faults, seconds());
          nextDiagnosis = performance.now() + pause;
        }
        return look;
      },
      {
        what: goal === "joined" ? "the nodes to know each other" : "the cluster to agree",
        timeoutMs,
        onPending: (detail) => {
          if (detail !== told) options.emit({ type: "progress", host: undefined, step: "layout", detail });
          told = detail;
        },
        ...(options.signal && { signal: options.signal }),
      },
    );
  } catch (error) {
    if (!(isLabError(error) && error.code === "wait.timeout")) throw error;
    const faults = last === undefined ? [] : await diagnoseBus(last.nodes, access);
    throw fail(missing, faults.length > 0 || last === undefined || last.gaps.length > 0 ? faults : outOfStep(last), seconds());
  }
}

/** Introduces the first node to those that it does not know or that do not know it; once these are done, the others pairwise, should gossip not have told them. */
async function meetAgain({ gaps, nodes }: Agreement, access: InstanceAccess): Promise<void> {
  const seed = nodes[0];
  const around = gaps.filter(({ from, to }) => from === seed || to === seed).map(({ from, to }) => (from === seed ? to : from));
  if (seed !== undefined && around.length > 0) {
    for (const node of new Set(around)) await meet(seed.id, node.member, access);
    return;
  }
  for (const { from, to } of gaps) await meet(from.id, to.member, access);
}

async function viewOf(instance: string, access: InstanceAccess): Promise<readonly ClusterNode[]> {
  return parseClusterNodes(String(await command(instance, ["CLUSTER", "NODES"], access)));
}

async function selfOf(instance: string, access: InstanceAccess): Promise<ClusterNode | undefined> {
  return (await viewOf(instance, access)).find(({ myself }) => myself);
}

async function command(instance: string, words: readonly (string | number)[], access: InstanceAccess): Promise<Reply> {
  try {
    return await (await access.client(instance)).call(words);
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
