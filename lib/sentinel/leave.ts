import { isLabError } from "../base/error.ts";
import { plural } from "../base/text.ts";
import { type Attempt, type WaitOptions, waitFor } from "../base/wait.ts";
import { readServerInfo } from "../redis/commands.ts";
import { RedisReplyError } from "../redis/reply-error.ts";
import { sentinelReset } from "../redis/sentinel-commands.ts";
import { addressOf, serverAt } from "../redis/server.ts";
import type { EngineInstance, InstanceAccess } from "../redis/types.ts";
import type { SentinelApplyOptions } from "./apply.ts";
import { notForgotten, replyFailed, stays } from "./errors.ts";
import { failOverFenced } from "./failover.ts";
import { gapsOf } from "./formation.ts";
import { isUnderWay, judgeMaster, reachableServer, sentinelReportsOf } from "./master.ts";
import { observeSentinel } from "./observe.ts";
import type { SentinelLayoutObservation, SentinelView, SentinelWanted, WatchedMaster } from "./types.ts";
import { allServers, serversOf } from "./wanted.ts";

/** Who is looked at when instances leave a sentinel layout. */
export interface SentinelLeaveContext {
  /** What the lab declares. */
  readonly declared: SentinelWanted;
  /** The same with the instances that belonged to the lab before, those that leave now among them; a name that the lab dropped is watched here still. */
  readonly all: SentinelWanted;
  /** Ids of the instances that leave now. */
  readonly leaving: ReadonlySet<string>;
}

/** One step of a leave. Every one can be done again. */
export type SentinelLeaveAction =
  | { readonly kind: "fail-over"; readonly name: string }
  /** Done by the caller, who has the processes. */
  | { readonly kind: "stop"; readonly instances: readonly string[] }
  /** SENTINEL RESET: the sentinel forgets all replicas and sentinels of the name and finds those that live. */
  | { readonly kind: "reset"; readonly sentinel: string; readonly name: string };

export interface SentinelLeavePlan {
  /** In their order; after the first is carried out, the layout is observed again before the next. */
  readonly actions: readonly { readonly action: SentinelLeaveAction; readonly summary: string }[];
  /** What forbids it; then there are no actions. */
  readonly refusals: readonly SentinelLeaveRefusal[];
  /** Declared sentinels that can't be contacted: they go on counting the instance that left. */
  readonly stillKnownBy: readonly string[];
}

export interface SentinelLeaveRefusal {
  readonly text: string;
  readonly next: string;
}

/**
 * How instances leave a sentinel layout without a ghost and without a loss: a master hands its role over first, then they stop, then the sentinels that stay forget
 * them, one after the other. Pure; no actions when all has been done.
 */
export function planLeave(observation: SentinelLayoutObservation, context: SentinelLeaveContext): SentinelLeavePlan {
  const isUp = (id: string) => observation.sentinels.get(id)?.reachable === true || observation.servers.get(id)?.reachable === true;
  const stillKnownBy = context.declared.sentinels.filter(({ id }) => !isUp(id)).map(({ id }) => id);
  const refusals = [
    ...context.all.masters.flatMap((watched) => roleRefusals(observation, context, watched)),
    ...voteRefusals(context, isUp),
  ];
  if (refusals.length > 0) return { actions: [], refusals, stillKnownBy };
  // A sentinel shall not act on the end of the servers.
  const running = [...context.all.sentinels, ...allServers(context.all)]
    .map(({ id }) => id)
    .filter((id) => context.leaving.has(id) && isUp(id));
  return {
    refusals,
    stillKnownBy,
    actions: [
      ...context.all.masters
        .filter(
          (watched) => successorsOf(context, watched).length > 0 && context.leaving.has(presentMaster(observation, watched)?.id ?? ""),
        )
        .map(({ name }) => ({ action: { kind: "fail-over" as const, name }, summary: `hand over the role of master of ${name}` })),
      ...(running.length === 0
        ? []
        : [{ action: { kind: "stop" as const, instances: running }, summary: `stop ${running.join(" and ")}` }]),
      ...context.declared.sentinels.flatMap(({ id }) =>
        namesCounting(observation, context, id).map((name) => ({
          action: { kind: "reset" as const, sentinel: id, name },
          summary: `make ${id} forget who left ${name}`,
        })),
      ),
    ],
  };
}

/** The master by what an instance says, and not by the declaration alone. */
function presentMaster(observation: SentinelLayoutObservation, watched: WatchedMaster): EngineInstance | undefined {
  const verdict = judgeMaster(observation, watched);
  return "instance" in verdict && verdict.kind !== "declared" ? verdict.instance : undefined;
}

/** Declared servers of a name that stay. */
function successorsOf({ declared, leaving }: SentinelLeaveContext, { name }: WatchedMaster): readonly EngineInstance[] {
  return declared.masters
    .filter((watched) => watched.name === name)
    .flatMap(serversOf)
    .filter(({ id }) => !leaving.has(id));
}

function roleRefusals(
  observation: SentinelLayoutObservation,
  context: SentinelLeaveContext,
  watched: WatchedMaster,
): SentinelLeaveRefusal[] {
  const leavers = serversOf(watched).filter(({ id }) => context.leaving.has(id));
  if (leavers.length === 0) return [];
  const verdict = judgeMaster(observation, watched);
  if (!("instance" in verdict)) {
    const who =
      verdict.kind === "foreign"
        ? `${verdict.by} takes ${verdict.address} for it`
        : `${verdict.instances.map(({ id }) => id).join(" and ")} both claim it`;
    return [
      {
        text: `The master of ${watched.name} is not known: ${who}; the host stays.`,
        next: "Fix what `redis-lab status` names, then run the same command again.",
      },
    ];
  }
  const master = presentMaster(observation, watched);
  return leavers.flatMap(({ id }): SentinelLeaveRefusal[] => {
    const said = reachableServer(observation, id);
    if (id === master?.id && said === undefined) {
      return [
        {
          text: `${id} does not answer, and is still the master of ${watched.name}; the host stays.`,
          next: "Wait until the sentinels have failed over (`redis-lab status`), then run the same command again.",
        },
      ];
    }
    const handsOver = id === master?.id && successorsOf(context, watched).length > 0;
    if (handsOver || said?.role !== "master" || said.keys === 0) return [];
    return [
      {
        text: `${id} is a master with ${plural(said.keys, "key")}, and no instance that stays can take its role; the host stays.`,
        next: `Declare a replica of ${watched.name} that stays, or save what is needed and empty it (FLUSHALL on ${id}), then run the same command again.`,
      },
    ];
  });
}

/** A sentinel that leaves takes a vote away; those that stay must be able to agree, and to elect one of them that leads a failover. */
function voteRefusals({ declared, all, leaving }: SentinelLeaveContext, isUp: (id: string) => boolean): SentinelLeaveRefusal[] {
  const voters = all.sentinels.filter(({ id }) => leaving.has(id) && isUp(id)).map(({ id }) => id);
  if (voters.length === 0) return [];
  const up = declared.sentinels.filter(({ id }) => isUp(id)).length;
  const majority = Math.floor(declared.sentinels.length / 2) + 1;
  return declared.masters
    .filter(({ quorum }) => up < Math.max(quorum, majority))
    .map(({ name, quorum }) => ({
      text: `Without ${voters.join(" and ")} ${up} of ${declared.sentinels.length} sentinels that watch ${name} would answer, and ${Math.max(quorum, majority)} are needed (quorum ${quorum}, majority ${majority}); the host stays.`,
      next: "Bring the other sentinels up, or declare another one first, then run the same command again.",
    }));
}

/** Declared names for which a sentinel still counts an instance that leaves. */
function namesCounting(
  observation: SentinelLayoutObservation,
  { declared, all, leaving }: SentinelLeaveContext,
  sentinel: string,
): readonly string[] {
  const gone = [...allServers(all), ...all.sentinels].filter(({ id }) => leaving.has(id));
  const isCounted = ({ replicas, otherSentinels }: SentinelView) =>
    [...replicas, ...otherSentinels].some(({ address, port }) => serverAt(gone, address, port) !== undefined);
  return declared.masters
    .map(({ name }) => name)
    .filter((name) => sentinelReportsOf(observation, name).some((report) => report.sentinel === sentinel && isCounted(report.view)));
}

export interface SentinelLeaveOptions extends SentinelApplyOptions {
  /** Stops instances and keeps them from coming back. */
  readonly stop: (instances: readonly string[]) => Promise<void>;
}

/** What was done, in sentences, and which instances could not be contacted. */
export interface SentinelLeaveOutcome {
  readonly done: readonly string[];
  readonly stillKnownBy: readonly string[];
}

/** A master keeps a replica whose host was cut off in its list until repl-timeout, 60 s by default. Milliseconds. */
const LINGER_MS = 120_000;

/**
 * Makes instances leave: looks, does the first thing that is to be done, and looks again, until nobody counts them any more. Running it again continues.
 *
 * @throws LabError `sentinel.stays` before anything is touched, `sentinel.not-forgotten`, and those of a planned failover
 */
export async function leaveSentinel(
  context: SentinelLeaveContext,
  access: InstanceAccess,
  options: SentinelLeaveOptions,
): Promise<SentinelLeaveOutcome> {
  const done: string[] = [];
  const rounds = 4 + 2 * context.declared.sentinels.length * context.declared.masters.length;
  for (let round = 0; round < rounds; round += 1) {
    options.signal?.throwIfAborted();
    const plan = planLeave(await observeSentinel(context.all, access), context);
    if (plan.refusals.length > 0) throw stays(plan.refusals);
    const [first] = plan.actions;
    if (first === undefined) return { done, stillKnownBy: plan.stillKnownBy };
    const step = { type: "step", host: undefined, step: STEP, detail: first.summary } as const;
    options.emit({ ...step, state: "started" });
    try {
      await perform(first.action, context, access, options);
    } catch (error) {
      options.emit({ ...step, state: "failed" });
      throw error;
    }
    options.emit({ ...step, state: "changed" });
    done.push(first.summary);
  }
  throw notForgotten([...context.leaving]);
}

const STEP = "leave";

async function perform(
  action: SentinelLeaveAction,
  context: SentinelLeaveContext,
  access: InstanceAccess,
  options: SentinelLeaveOptions,
): Promise<void> {
  switch (action.kind) {
    case "fail-over":
      await failOverFenced(action.name, context.all, access, options);
      return;
    case "stop":
      return options.stop(action.instances);
    case "reset":
      return reset(action, context, access, options);
    default:
      return action satisfies never;
  }
}

/** A sentinel that was reset knows nobody for some seconds: the next one must wait until this one sees all the others again. */
async function reset(
  { sentinel, name }: Extract<SentinelLeaveAction, { kind: "reset" }>,
  context: SentinelLeaveContext,
  access: InstanceAccess,
  options: SentinelLeaveOptions,
): Promise<void> {
  const only: SentinelWanted = { ...context.all, masters: context.all.masters.filter((watched) => watched.name === name) };
  const waiting = (what: string, timeoutMs: number): WaitOptions => ({
    what,
    timeoutMs,
    intervalMs: 250,
    onPending: (detail) => options.emit({ type: "progress", host: undefined, step: STEP, detail }),
    signal: options.signal,
  });
  // What was missing before is nothing to wait for afterwards: an instance that has just been declared comes with the next `up`.
  const before = await waitFor(() => quiet(only, context, access), waiting(`${name} to be at rest`, LINGER_MS));
  try {
    await sentinelReset(await access.client(sentinel), name);
  } catch (error) {
    throw error instanceof RedisReplyError ? replyFailed(sentinel, `SENTINEL RESET ${name}`, error.message) : error;
  }
  try {
    await waitFor(
      async (): Promise<Attempt<undefined>> => {
        const observation = await observeSentinel(only, access);
        const missing = gapTexts(observation, only).filter((text) => !before.includes(text));
        if (namesCounting(observation, context, sentinel).includes(name)) missing.push(`${sentinel} still counts who left`);
        return missing.length === 0 ? { done: true, value: undefined } : { done: false, missing: missing.join(" ") };
      },
      waiting(`${sentinel} to see all of ${name} again`, options.timeoutMs ?? 60_000),
    );
  } catch (error) {
    throw isLabError(error) && error.code === "wait.timeout" ? notForgotten([...context.leaving], error.what) : error;
  }
}

/**
 * Done when no failover is under way, and the master has dropped the replicas that left: from its list a sentinel would learn of them again.
 *
 * @returns what is missing even so
 */
async function quiet(only: SentinelWanted, { leaving }: SentinelLeaveContext, access: InstanceAccess): Promise<Attempt<string[]>> {
  const observation = await observeSentinel(only, access);
  for (const watched of only.masters) {
    if (isUnderWay(observation, watched.name)) return { done: false, missing: `the end of the failover of ${watched.name}` };
    const master = presentMaster(observation, watched);
    if (master === undefined || reachableServer(observation, master.id) === undefined)
      return { done: false, missing: `a master of ${watched.name} that answers` };
    const { replicas } = await readServerInfo(await access.client(master.id));
    const gone = serversOf(watched).filter(({ id }) => leaving.has(id));
    const listed = replicas.map(({ address, port }) => serverAt(gone, address, port)).find((server) => server !== undefined);
    if (listed !== undefined) return { done: false, missing: `${master.id} to drop its connection to ${addressOf(listed)}` };
  }
  return { done: true, value: gapTexts(observation, only) };
}

function gapTexts(observation: SentinelLayoutObservation, only: SentinelWanted): string[] {
  return only.masters.flatMap((watched) => gapsOf(observation, only, watched, judgeMaster(observation, watched)).map(({ text }) => text));
}
