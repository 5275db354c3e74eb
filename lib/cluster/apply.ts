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
import { INTRODUCE_AGAIN_MS, introduce } from "./introduce.ts";
import { countSlots, eachSlot, formatRanges, rangesWhere, withoutSlots } from "./slots.ts";
import type { ClusterAction, ClusterMember, ClusterPlan } from "./types.ts";

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
  for (const group of together(plan.actions)) {
    options.signal?.throwIfAborted();
    const moves = group.flatMap(({ action }) => (action.kind === "move-slots" ? [action] : []));
    if (moves.length > 0) {
      await reported({ summary: group.map(({ summary }) => summary).join("; ") }, options, () =>
        applyMoves(moves, members, access, options),
      );
      continue;
    }
    const done = await Promise.allSettled(
      group.map(({ action, summary }) => {
        const host = "instance" in action ? memberOf(members, action.instance).host : undefined;
        return reported({ host, summary }, options, () => applyAction(action, members, access, options));
      }),
    );
    const failed = done.find((each) => each.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }
}

async function reported(
  { host, summary }: { readonly host?: string | undefined; readonly summary: string },
  { emit }: ApplyOptions,
  work: () => Promise<boolean>,
): Promise<void> {
  emit({ type: "step", host, step: "layout", state: "started", detail: summary });
  try {
    const changed = await work();
    emit({ type: "step", host, step: "layout", state: changed ? "changed" : "unchanged", detail: summary });
  } catch (error) {
    emit({ type: "step", host, step: "layout", state: "failed", detail: summary });
    throw error;
  }
}

type Steps = ClusterPlan["actions"];

/** What several nodes may do at the same time: slots of many travel side by side, and the rest is of no matter to the others. */
const SIDE_BY_SIDE: ReadonlySet<ClusterAction["kind"]> = new Set([
  "move-slots",
  "forget",
  "add-slots",
  "set-config-epoch",
  "meet",
  "replicate",
]);

/** Actions of one kind that stand beside each other and may be done at once. */
function together(actions: Steps): readonly Steps[] {
  const groups: Steps[number][][] = [];
  for (const step of actions) {
    const last = groups.at(-1);
    if (last?.[0]?.action.kind === step.action.kind && SIDE_BY_SIDE.has(step.action.kind)) last.push(step);
    else groups.push([step]);
  }
  return groups;
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

/** Waits until the nodes know each other, or until they agree in everything. Those who do not are introduced, again and again; a reason that stays ends the wait at once. */
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
  let nextIntroduction = started;
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
        if (now >= nextIntroduction && agreement.gaps.length + agreement.stale.length > 0) {
          nextIntroduction = now + INTRODUCE_AGAIN_MS;
          await introduce(agreement, access);
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
