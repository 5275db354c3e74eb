import { LabError } from "../base/error.ts";
import { type Attempt, waitFor } from "../base/wait.ts";
import type { OldMaster } from "../redis/bar-reading.ts";
import type { EngineInstance, InstanceAccess } from "../redis/types.ts";
import { applySentinel, awaitFormed, type SentinelApplyOptions, STEP } from "./apply.ts";
import { notReadyForFailover } from "./errors.ts";
import { Handover } from "./handover.ts";
import { reachableServer, watchedByName } from "./master.ts";
import { observeSentinel } from "./observe.ts";
import { planSentinel } from "./plan.ts";
import { readinessOf } from "./readiness.ts";
import type { SentinelWanted, WatchedMaster } from "./types.ts";
import { serversOf } from "./wanted.ts";

/**
 * Hands the role of master over without losing an acknowledged write: the old master is fenced (it refuses writes), its replicas read all that it acknowledged, then a
 * sentinel fails over, the old master becomes a replica of the new one, and the fence is taken back. Writes are refused for about two seconds, most of them
 * the sentinel's own pace. A plain SENTINEL FAILOVER loses what the old master acknowledges until the sentinels turn it into a replica: eight seconds and more.
 *
 * Nothing is changed before quorum, agreement and a replica that may take over are seen. An error or an abort puts the setting back; a killed process leaves a
 * fence that the next plan takes back. A fence found at the start is taken back first. See `fence.ts` for what Redis before 7.0 does not fence.
 *
 * @param oldMaster one that restarts is not waited for
 * @returns the new master's instance id, once every sentinel sees the new layout
 * @throws LabError `sentinel.unknown-name`, `sentinel.not-ready`, `sentinel.no-fence`, `sentinel.failover-failed`, `sentinel.not-formed`
 */
export async function failOverFenced(
  name: string,
  wanted: SentinelWanted,
  access: InstanceAccess,
  options: SentinelApplyOptions,
  oldMaster: OldMaster = "follows",
): Promise<string> {
  const watched = watchedByName(wanted, name);
  const progress = (detail: string) => options.emit({ type: "progress", host: undefined, step: STEP, detail });
  await finishEarlier(watched, wanted, access, options);
  const old = await awaitReady(watched, wanted, access, options, progress);
  const handover = new Handover(watched, wanted, access, options, old, oldMaster);
  let next: EngineInstance;
  try {
    await handover.fence();
    progress(`${name}: ${old.id} refuses writes until the role is handed over.`);
    await handover.catchUp();
    progress(`${name}: the replicas have read all that ${old.id} acknowledged; a sentinel is asked to fail over.`);
    next = await handover.switchOver();
  } catch (error) {
    throw await handover.abandon(error);
  }
  await handover.finish(next);
  options.emit({
    type: "step",
    host: next.host,
    step: STEP,
    state: "changed",
    detail: `${next.id} is the master of ${name} in place of ${old.id}`,
  });
  await awaitFormed(name, wanted, access, options, new Set(oldMaster === "restarts" ? [old.id] : []));
  return next.id;
}

/** Takes back what an interrupted call left. */
async function finishEarlier(
  watched: WatchedMaster,
  wanted: SentinelWanted,
  access: InstanceAccess,
  options: SentinelApplyOptions,
): Promise<void> {
  const only: SentinelWanted = { ...wanted, masters: [watched] };
  const observation = await observeSentinel(only, access);
  const fenced = serversOf(watched).some(({ id }) => reachableServer(observation, id)?.fencedFrom !== undefined);
  if (fenced) await applySentinel(planSentinel(observation, only), only, access, options);
}

async function awaitReady(
  watched: WatchedMaster,
  wanted: SentinelWanted,
  access: InstanceAccess,
  options: SentinelApplyOptions,
  progress: (detail: string) => void,
): Promise<EngineInstance> {
  const timeoutMs = options.timeoutMs ?? 60_000;
  let missing = "";
  try {
    return await waitFor(
      async (): Promise<Attempt<EngineInstance>> => {
        const observation = await observeSentinel(wanted, access);
        const ready = readinessOf(observation, wanted, watched);
        missing = ready.missing.join("; ");
        return ready.master !== undefined && missing === "" ? { done: true, value: ready.master } : { done: false, missing };
      },
      {
        what: `${watched.name} to be ready`,
        timeoutMs,
        intervalMs: 250,
        signal: options.signal,
        onPending: (text) => progress(`${watched.name} is not ready for a failover yet: ${text}`),
      },
    );
  } catch (error) {
    if (error instanceof LabError && error.code === "wait.timeout")
      throw notReadyForFailover(watched.name, Math.round(timeoutMs / 1000), missing);
    throw error;
  }
}
