import { isLabError, whatOf } from "../base/error.ts";
import { type Attempt, waitFor } from "../base/wait.ts";
import type { OldMaster } from "../redis/bar-reading.ts";
import { stopReplicating } from "../redis/commands.ts";
import { canFence, lowerFence, raiseFence } from "../redis/fence.ts";
import { RedisReplyError, reasonUnreachable } from "../redis/reply-error.ts";
import { observed, observeServer, persistRole } from "../redis/server.ts";
import type { EngineInstance, InstanceAccess } from "../redis/types.ts";
import { applyReplication, assertAccepted } from "./apply.ts";
import { awaitFormed, type Engine, follow, type ReplicationOptions, STEP, step, waiting } from "./engine.ts";
import { failoverFailed, fenceIneffective, noMaster, notReady } from "./errors.ts";
import { judgeMaster } from "./judge.ts";
import { bestReplica, declaredServers, inStep, observeReplication, type ReplicationWanted, reachable } from "./model.ts";
import { planReplication } from "./plan.ts";

/** How long a replica may take to read what a fenced master still has for it, in milliseconds. */
const CATCH_UP_MS = 10_000;

export interface HandOverChoice {
  /** The replica that takes over. @default the one that has read most */
  readonly to?: string | undefined;
  /** The instance that must not be the master afterwards: an interrupted hand-over that is ended first may have given the role to it. @default the master */
  readonly from?: string | undefined;
  /** Instances that are not to take over, and are not waited for. @default none */
  readonly without?: ReadonlySet<string> | undefined;
  /** One that restarts is not waited for. @default "follows" */
  readonly oldMaster?: OldMaster | undefined;
}

/**
 * Hands the role of master over without losing an acknowledged write: the master is fenced (it refuses writes), the replica reads all that it acknowledged and becomes a
 * master, then the old one and the others follow it, and the fence is taken back last. So a fence that is left behind tells of a hand-over that was interrupted, and the
 * next call ends that one. See `fence.ts` for what Redis before 7.0 does not fence.
 *
 * @throws LabError `replication.refused`, `replication.no-master`, `replication.not-ready`, `replication.no-fence`, `replication.failover-failed`, `replication.not-formed`
 */
export async function handOver(
  wanted: ReplicationWanted,
  access: InstanceAccess,
  options: ReplicationOptions,
  { to, from, without = new Set(), oldMaster = "follows" }: HandOverChoice = {},
): Promise<{ readonly from: string; readonly to: string }> {
  const engine = { wanted, access, options };
  const restarting = new Set(oldMaster === "restarts" && from !== undefined ? [from] : []);
  const begun = await observeReplication(wanted, access);
  const plan = planReplication(begun, wanted);
  assertAccepted(plan.findings);
  const verdict = judgeMaster(begun, wanted);
  if (verdict.kind !== "master") throw noMaster(plan.findings);
  const old = verdict.instance;
  const earlier = declaredServers(wanted).find((server) => server.id !== old.id && reachable(begun, server)?.fencedFrom !== undefined);
  if (earlier !== undefined) {
    await applyReplication(plan, wanted, access, options, without, restarting);
    if (to === old.id || (to === undefined && from !== old.id)) return { from: earlier.id, to: old.id };
  } else {
    // A server without data can take over, and be waited for, once it is a replica.
    const joining = plan.actions.filter(({ action }) => action.kind === "replicate" && !without.has(action.instance));
    await applyReplication({ ...plan, actions: joining }, wanted, access, options);
  }
  if (to === old.id || (from ?? old.id) !== old.id) return { from: from ?? old.id, to: old.id };
  const next = await awaitCandidate(engine, old, to, without);
  const before = await minReplicasOf(engine, old);
  const seen = await observeReplication(wanted, access);
  options.signal?.throwIfAborted();
  await step(engine, next.host, `make ${next.id} the master in place of ${old.id}`, () => promote(engine, old, next, before));
  try {
    // First of all: a restart that finds the old role in the file would leave two servers that replicate each other.
    await persistRole(await access.client(next.id), next.id, options.emit);
    // Then the old one: until then it has clients that wait for the end of the fence.
    await follow(engine, [old], next, restarting);
    const isOther = (server: EngineInstance) =>
      server.id !== next.id && server.id !== old.id && reachable(seen, server)?.role === "replica";
    await follow(engine, declaredServers(wanted).filter(isOther), next, restarting);
    await awaitFormed(engine, new Set([...without, ...restarting]));
    await lowerFence(await access.client(old.id), before);
  } catch (error) {
    throw failoverFailed(wanted.lab, `${next.id} is the master; then: ${whatOf(error)}`, "left", error);
  }
  return { from: old.id, to: next.id };
}

/** The replica that takes over, once it is in step. */
async function awaitCandidate(engine: Engine, old: EngineInstance, to?: string, without?: ReadonlySet<string>): Promise<EngineInstance> {
  const { wanted, access } = engine;
  try {
    return await waitFor(
      async (): Promise<Attempt<EngineInstance>> => {
        const seen = await observeReplication(wanted, access);
        if (reachable(seen, old)?.loading !== false) return { done: false, missing: `${old.id} does not answer, or loads its data` };
        const best = bestReplica(
          seen,
          wanted,
          (server) => (to === undefined || server.id === to) && without?.has(server.id) !== true && inStep(reachable(seen, server), old),
        );
        if (best !== undefined) return { done: true, value: best };
        return { done: false, missing: to === undefined ? `no replica is in step with ${old.id}` : `${to} is not in step with ${old.id}` };
      },
      waiting(engine, "a replica that can take over"),
    );
  } catch (error) {
    throw isLabError(error) && error.code === "wait.timeout" ? notReady(wanted.lab, error.what) : error;
  }
}

/** The number of replicas that a server asks for, or asked for before its fence. @throws LabError `replication.no-fence` where a number would fence nothing */
async function minReplicasOf({ wanted, access }: Engine, old: EngineInstance): Promise<number> {
  const client = await access.client(old.id);
  const { version, minReplicas } = await observeServer(old, client);
  if (await canFence(client, version)) return minReplicas;
  throw fenceIneffective(wanted.lab, old.id);
}

/** Fences the old master; the replica reads all that was acknowledged, and becomes a master. After an error the fence is taken back, unless the replica may be a master. */
async function promote(engine: Engine, old: EngineInstance, next: EngineInstance, before: number): Promise<void> {
  const { access, wanted, options } = engine;
  let ordered = false;
  try {
    await raiseFence(await access.client(old.id), before);
    options.emit({ type: "progress", host: old.host, step: STEP, detail: `${old.id} refuses writes until the role is handed over.` });
    const { offset } = await observeServer(old, await access.client(old.id));
    await waitFor(
      async (): Promise<Attempt<undefined>> => {
        const seen = await observeServer(next, await access.client(next.id));
        if (inStep(seen, old) && seen.offset >= offset) return { done: true, value: undefined };
        return { done: false, missing: `${next.id} has not read all writes of ${old.id}` };
      },
      waiting(engine, `${next.id} to read all writes`, CATCH_UP_MS),
    );
    const still = await observeServer(old, await access.client(old.id));
    if (still.role !== "master" || still.fencedFrom === undefined) throw new Error(`${old.id} lost its fence meanwhile`);
    options.signal?.throwIfAborted();
    ordered = true;
    await stopReplicating(await access.client(next.id));
  } catch (error) {
    const lost = ordered && !(error instanceof RedisReplyError);
    // An order whose answer was lost may have been carried out, or be carried out yet.
    const seen = lost ? await observed(next, async () => observeServer(next, await access.client(next.id))) : undefined;
    if (seen?.reachable === true && seen.role === "master") return;
    const lower = async () => lowerFence(await access.client(old.id), before);
    const state = lost
      ? "left"
      : await lower()
          .then(() => "lifted" as const)
          .catch((failure: unknown) => {
            reasonUnreachable(failure);
            return "left" as const;
          });
    throw failoverFailed(wanted.lab, whatOf(error), state, error);
  }
}
