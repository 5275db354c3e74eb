import { LabError, messageOf } from "../base/error.ts";
import type { Emit } from "../base/events.ts";
import { type Attempt, waitFor } from "../base/wait.ts";
import type { Secrets } from "../lab/secrets.ts";
import { barReading } from "../redis/bar-reading.ts";
import { replicaOf } from "../redis/commands.ts";
import { lowerFence } from "../redis/fence.ts";
import { RedisReplyError, reasonUnreachable } from "../redis/reply-error.ts";
import {
  sentinelMaster,
  sentinelMonitor,
  sentinelRemove,
  sentinelReset,
  sentinelSet,
  sentinelSetPassword,
} from "../redis/sentinel-commands.ts";
import { addressOf, observeServer, persistRole } from "../redis/server.ts";
import type { EngineInstance, InstanceAccess, RedisClient } from "../redis/types.ts";
import { instanceOfAction, isSentinelWait, phaseOf } from "./actions.ts";
import { becameData, notFormed, planRefused, replyFailed, unknownInstance } from "./errors.ts";
import { concernsReplica, type FormationGap, gapsOf } from "./formation.ts";
import { linkReasonsFor } from "./link-reasons.ts";
import { judgeMaster, reachableServer, watchedByName } from "./master.ts";
import { observeSentinel } from "./observe.ts";
import type {
  PlannedSentinelAction,
  SentinelAction,
  SentinelActionOf,
  SentinelLayoutObservation,
  SentinelPlan,
  SentinelWanted,
} from "./types.ts";
import { allServers } from "./wanted.ts";

export interface SentinelApplyOptions {
  readonly emit: Emit;
  readonly secrets: Pick<Secrets, "password">;
  /** Longest wait for each step that waits, in milliseconds. @default 60000 */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const STEP = "layout";

/**
 * Carries a plan out: first the replicas, then what the sentinels watch, then the waits. Instances work side by side, the actions of one instance in their order.
 * Running it again continues.
 *
 * @param restarting servers that are restarted into another build afterwards: they read nothing before, and their links are not waited for
 * @throws LabError `sentinel.refused`, `sentinel.has-data`, `sentinel.command-failed`, `sentinel.not-formed`, or what the connection says
 */
export async function applySentinel(
  plan: SentinelPlan,
  wanted: SentinelWanted,
  access: InstanceAccess,
  options: SentinelApplyOptions,
  restarting: ReadonlySet<string> = new Set(),
): Promise<void> {
  const refusing = plan.findings.filter(({ severity }) => severity === "refuses");
  if (refusing.length > 0) throw planRefused(refusing);
  const run = (action: SentinelAction) => {
    options.signal?.throwIfAborted();
    return perform(action, { wanted, access, options, restarting });
  };
  const isWatch = ({ action }: PlannedSentinelAction) => phaseOf(action) === "sentinels";
  const settle = plan.actions.findIndex(({ action }) => isSentinelWait(action));
  const now = settle < 0 ? plan.actions : plan.actions.slice(0, settle);
  await sideBySide(
    now.filter((one) => !isWatch(one)),
    options.emit,
    run,
  );
  await sideBySide(now.filter(isWatch), options.emit, run);
  for (const one of plan.actions.slice(now.length)) await sideBySide([one], options.emit, run);
}

async function sideBySide(
  actions: readonly PlannedSentinelAction[],
  emit: Emit,
  run: (action: SentinelAction) => Promise<void>,
): Promise<void> {
  const groups = new Map<string | undefined, PlannedSentinelAction[]>();
  for (const one of actions) {
    const instance = instanceOfAction(one.action);
    groups.set(instance, [...(groups.get(instance) ?? []), one]);
  }
  const results = await Promise.allSettled(
    [...groups].map(async ([instance, group]) => {
      const host = instance?.split(":")[0];
      for (const { action, summary } of group) {
        emit({ type: "step", host, step: STEP, state: "started", detail: summary });
        try {
          await run(action);
        } catch (error) {
          emit({ type: "step", host, step: STEP, state: "failed", detail: `${summary}: ${messageOf(error)}` });
          throw error;
        }
        // A wait changes nothing.
        emit({ type: "step", host, step: STEP, state: isSentinelWait(action) ? "unchanged" : "changed", detail: summary });
      }
    }),
  );
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** What an applier may use. */
interface SentinelApplyContext {
  readonly wanted: SentinelWanted;
  readonly access: InstanceAccess;
  readonly options: SentinelApplyOptions;
  readonly restarting: ReadonlySet<string>;
}

type SentinelApplier<Kind extends SentinelAction["kind"]> = (
  action: SentinelActionOf<Kind>,
  context: SentinelApplyContext,
) => Promise<void>;

/** How each kind of action is carried out: a kind without an applier does not compile. What else there is to say of a kind is its row in actions.ts. */
const APPLIERS: { readonly [Kind in SentinelAction["kind"]]: SentinelApplier<Kind> } = {
  replicate: ({ instance, master }, { wanted, access, options, restarting }) =>
    replicate(find(wanted, instance), find(wanted, master), access, options, restarting.has(instance)),
  monitor: async (action, { wanted, access, options }) =>
    monitor(action, find(wanted, action.master), await access.client(action.sentinel), options),
  set: ({ sentinel, name, option, value }, { access }) =>
    order(sentinel, `SENTINEL SET ${name} ${option} ${value}`, async () => sentinelSet(await access.client(sentinel), name, option, value)),
  "await-formed": ({ name }, { wanted, access, options, restarting }) => awaitFormed(name, wanted, access, options, restarting),
  "lift-fence": async ({ instance, minReplicas }, { access }) => lowerFence(await access.client(instance), minReplicas),
};

/** Async, so that an instance that is not found is a rejection. */
async function perform<Kind extends SentinelAction["kind"]>(action: SentinelActionOf<Kind>, context: SentinelApplyContext): Promise<void> {
  return APPLIERS[action.kind](action, context);
}

function find(wanted: SentinelWanted, id: string): EngineInstance {
  const found = [...allServers(wanted), ...wanted.sentinels].find((instance) => instance.id === id);
  if (found === undefined) throw unknownInstance(id);
  return found;
}

/** Runs a command whose error reply is a fault. `command` is what is reported of it, without secrets. */
async function order(instance: string, command: string, run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (error instanceof RedisReplyError) throw replyFailed(instance, command, error.message);
    throw error;
  }
}

/** Makes a server a replica for good (CONFIG REWRITE), and waits for its link, so that the master can name it to the sentinels at their first question. */
async function replicate(
  server: EngineInstance,
  master: EngineInstance,
  access: InstanceAccess,
  options: SentinelApplyOptions,
  restarts: boolean,
): Promise<void> {
  const client = await access.client(server.id);
  const wait = { timeoutMs: options.timeoutMs ?? 60_000, signal: options.signal };
  const said = await waitFor(
    async (): Promise<Attempt<Awaited<ReturnType<typeof observeServer>>>> => {
      const seen = await observeServer(server, client);
      return seen.loading ? { done: false, missing: `${server.id} still loads its data` } : { done: true, value: seen };
    },
    { ...wait, what: `${server.id} to be ready` },
  );
  if (said.role === "master" && said.keys > 0) throw becameData(server.id, said.keys);
  if (restarts) await barReading(client);
  await order(server.id, `the order to replicate ${master.id}`, () => replicaOf(client, master));
  await persistRole(client, server.id, options.emit);
  if (restarts) return;
  await waitFor(
    async () => {
      const seen = await observeServer(server, client);
      if (seen.masterLink === "up" && !seen.loading) return { done: true, value: undefined };
      const reasons = await linkReasonsFor([{ code: "replica-link-down", instance: server.id, text: "", towards: master }], access);
      return { done: false, missing: [`${server.id} has no link to ${master.id}`, ...(seen.syncing ? [] : reasons)].join("; ") };
    },
    { ...wait, what: `${server.id} to replicate ${master.id}`, intervalMs: 200 },
  );
}

/** The password goes along in the same packet: a sentinel that connects without it keeps that link (see `repeatPassword`). */
async function monitor(
  action: SentinelActionOf<"monitor">,
  master: EngineInstance,
  client: RedisClient,
  options: SentinelApplyOptions,
): Promise<void> {
  const { name, sentinel, quorum } = action;
  const watched = await sentinelMaster(client, name);
  const here = watched !== undefined && addressOf(watched) === addressOf(master);
  if (watched !== undefined && !here) await order(sentinel, `SENTINEL REMOVE ${name}`, () => sentinelRemove(client, name));
  // Both are sent before the first answer, so the sentinel reads them in one turn.
  const results = await Promise.allSettled([
    ...(here ? [] : [order(sentinel, `SENTINEL MONITOR ${name}`, () => sentinelMonitor(client, name, master, quorum))]),
    setAuthPass(client, sentinel, name, options.secrets),
  ]);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** Tells a sentinel the password of a master; an empty one means that there is none. Links that stand keep theirs. */
export async function setAuthPass(client: RedisClient, sentinel: string, name: string, secrets: Pick<Secrets, "password">): Promise<void> {
  try {
    await sentinelSetPassword(client, name, secrets.password);
  } catch (error) {
    // The reply may repeat the value.
    if (error instanceof RedisReplyError) throw replyFailed(sentinel, `SENTINEL SET ${name} auth-pass`, `an error (${error.code})`);
    throw error;
  }
}

/**
 * Waits until nothing is missing for a name. Says all the while what is, and after some seconds why, as far as probes tell.
 *
 * @param restarting servers whose links are not waited for
 */
export async function awaitFormed(
  name: string,
  wanted: SentinelWanted,
  access: InstanceAccess,
  options: SentinelApplyOptions,
  restarting: ReadonlySet<string> = new Set(),
): Promise<void> {
  const watched = watchedByName(wanted, name);
  const timeoutMs = options.timeoutMs ?? 60_000;
  const started = performance.now();
  let nextDiagnosis = started + 4_000;
  let gaps: readonly FormationGap[] = [];
  let reasons: readonly string[] = [];
  let said = "";
  const repeated = new Set<string>();
  try {
    await waitFor(
      async () => {
        const observation = await observeSentinel(wanted, access);
        const verdict = judgeMaster(observation, watched);
        if (!("instance" in verdict))
          throw planRefused([
            {
              code: "foreign-master",
              severity: "refuses",
              instance: undefined,
              text: `The sentinels do not agree which instance is the master of ${name}.`,
            },
          ]);
        gaps = gapsOf(observation, wanted, watched, verdict).filter((gap) => !concernsReplica(gap, restarting));
        if (gaps.length === 0) return { done: true, value: undefined };
        if (performance.now() >= nextDiagnosis) {
          nextDiagnosis = performance.now() + 5_000;
          reasons = await linkReasonsFor(gaps, access);
          await repeatPassword(gaps, name, observation, access, options, repeated);
          await repeatReplication(gaps, verdict.instance, observation, access, options, repeated);
        }
        return { done: false, missing: gaps.map(({ text }) => text).join(" ") };
      },
      {
        what: `all of ${name}`,
        timeoutMs,
        intervalMs: 250,
        signal: options.signal,
        onPending: () => {
          const detail = progressText(name, gaps, reasons);
          if (detail !== said) options.emit({ type: "progress", host: undefined, step: STEP, detail });
          said = detail;
        },
      },
    );
  } catch (error) {
    if (!(error instanceof LabError) || error.code !== "wait.timeout") throw error;
    throw notFormed(
      name,
      Math.round(timeoutMs / 1000),
      gaps.map(({ text }) => text.replace(/\.$/, "")),
      await linkReasonsFor(gaps, access),
    );
  }
}

/**
 * A sentinel that sees the master as down, or knows nothing of it yet, may not have its password: a run ended between SENTINEL MONITOR and `auth-pass`. It is given once more. One that knows nothing then begins
 * again as well, which costs nothing: up to 6.0 a link that was made without the password stays as long as the master replies errors to it (sentinelCheckSubjectivelyDown in sentinel.c of 4.0 and 5.0).
 */
async function repeatPassword(
  gaps: readonly FormationGap[],
  name: string,
  observation: SentinelLayoutObservation,
  access: InstanceAccess,
  options: SentinelApplyOptions,
  repeated: Set<string>,
): Promise<void> {
  const blind = new Set(gaps.filter(({ code, towards }) => code === "no-master" && towards !== undefined).map(({ instance }) => instance));
  for (const [instance, said] of observation.sentinels) {
    const view = said.reachable ? said.masters.find((master) => master.name === name) : undefined;
    if (view === undefined || repeated.has(instance)) continue;
    const knowsNothing = view.replicas.length === 0 && view.otherSentinels.length === 0;
    if (!blind.has(instance) && !knowsNothing) continue;
    repeated.add(instance);
    const client = await access.client(instance);
    try {
      await setAuthPass(client, instance, name, options.secrets);
      if (knowsNothing) await order(instance, `SENTINEL RESET ${name}`, () => sentinelReset(client, name));
    } catch (error) {
      reasonUnreachable(error);
    }
  }
}

/**
 * A failover that ended while it was waited for may leave a replica at the server before the last: the sentinels put that right once the time for a failover is over, three minutes by default
 * (`+fix-slave-config`, sentinelRefreshInstanceInfo in sentinel.c of 4.0.14 and 7.2). Where all that answer name one master, the order is given once; a server that became a master is not touched, as it may have data.
 */
async function repeatReplication(
  gaps: readonly FormationGap[],
  master: EngineInstance,
  observation: SentinelLayoutObservation,
  access: InstanceAccess,
  options: SentinelApplyOptions,
  repeated: Set<string>,
): Promise<void> {
  if (gaps.some(({ code }) => code === "masters-disagree" || code === "no-master")) return;
  for (const { code, instance, towards } of gaps) {
    const said = reachableServer(observation, instance);
    const turn = `${instance} to ${master.id}`;
    if (code !== "replica-missing" || towards?.id !== master.id || said?.role !== "replica" || said.loading || repeated.has(turn)) continue;
    repeated.add(turn);
    try {
      const client = await access.client(instance);
      await order(instance, `the order to replicate ${master.id}`, () => replicaOf(client, master));
      await persistRole(client, instance, options.emit);
    } catch (error) {
      reasonUnreachable(error);
    }
  }
}

/** What the wait is for, in a line: the first gap and its most probable reason. The error at the end tells all. */
function progressText(name: string, gaps: readonly FormationGap[], reasons: readonly string[]): string {
  const [first, ...rest] = gaps;
  const more = rest.length === 0 ? "" : ` (and ${rest.length} more)`;
  return `${name}: ${first?.text ?? ""}${more}${reasons[0] === undefined ? "" : ` Probably: ${reasons[0]}.`}`;
}
