import { messageOf } from "../base/error.ts";
import type { Emit } from "../base/events.ts";
import { allSettledLimited } from "../base/limit.ts";
import type { Attempt } from "../base/wait.ts";
import type { Connection } from "../connection/connection.ts";
import type { PlacedHost, PlacedInstance, Placement } from "../lab/placement.ts";
import type { Secrets } from "../lab/secrets.ts";
import type { Version } from "../redis/version.ts";
import { AppliedRecord } from "./applied-record.ts";
import { type BuildGroup, buildArtifact, makeFlags } from "./build.ts";
import { BuildPool } from "./build-pool.ts";
import { hostRefused } from "./errors.ts";
import type { HostFacts } from "./facts.ts";
import { flushDisks } from "./flush.ts";
import type { HostPlan, StepName } from "./plan.ts";
import type { ResolvedSource } from "./source.ts";
import type { StepContext } from "./step.ts";
import { STEPS } from "./steps/index.ts";
import { type WantedBuild, wantedOf } from "./wanted.ts";

/** One host with what was seen and what is to be done. */
export interface HostTask {
  readonly host: PlacedHost;
  readonly connection: Connection;
  readonly facts: HostFacts;
  readonly plan: HostPlan;
}

export type HostOutcome =
  | { readonly host: string; readonly ok: true /** Number of changes that were made. */; readonly changed: number }
  | { readonly host: string; readonly ok: false; readonly step: StepName; readonly error: unknown };

export interface RunnerOptions {
  readonly placement: Placement;
  readonly secrets: Secrets;
  readonly source: ResolvedSource;
  readonly builds: readonly BuildGroup[];
  readonly cacheFolder: string;
  readonly emit: Emit;
  /** See SupervisorOptions.ready; must say done for an instance that answers on its real address with its data loaded. */
  readonly ready: (instance: PlacedInstance) => Promise<Attempt<unknown>>;
  /** Hosts that are worked on at the same time. @default 16 */
  readonly concurrency?: number;
  /** Called before each step that has changes; a throw ends the host there. For tests of interruption. */
  readonly beforeStep?: (host: string, step: StepName) => void | Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/** The build that a host needs, out of the groups. */
export function wantedBuild(host: string, groups: readonly BuildGroup[], version: Version): WantedBuild | undefined {
  const group = groups.find(({ hosts }) => hosts.includes(host));
  return group && { key: group.key, version, compiles: group.builder === host };
}

/**
 * Carries out the plans of many hosts at the same time. A host that fails does not stop the others; an interrupted run is continued by looking, planning and
 * running again. Never rejects.
 */
export async function applyHosts(tasks: readonly HostTask[], options: RunnerOptions): Promise<readonly HostOutcome[]> {
  const { source, placement, cacheFolder } = options;
  const pool = new BuildPool((key, connection, emit, signal) =>
    buildArtifact(connection, { key, source, flags: makeFlags(placement), cacheFolder, emit, signal }),
  );
  const builders = new Set<string>();
  for (const group of options.builds.filter(({ needed }) => needed)) {
    if (group.cached !== undefined) pool.expect(group.key, { cached: group.cached });
    else if (group.builder !== undefined) {
      builders.add(group.builder);
      pool.expect(group.key, { builder: group.builder });
      if (!tasks.some(({ host }) => host.name === group.builder))
        pool.failed(group.builder, new Error(`${group.builder} is not worked on`));
    }
  }
  // Builders come first: hosts that wait for them take up places too.
  const ordered = [...tasks].sort((a, b) => Number(builders.has(b.host.name)) - Number(builders.has(a.host.name)));
  const results = await allSettledLimited(ordered, options.concurrency ?? 16, (task) => applyHost(task, pool, options));
  const outcomes = new Map(
    results.flatMap((result, index) => {
      const name = ordered[index]?.host.name ?? "";
      return [[name, result.status === "fulfilled" ? result.value : failure(name, "package-sources", result.reason)] as const];
    }),
  );
  return tasks.flatMap(({ host }) => outcomes.get(host.name) ?? []);
}

function failure(host: string, step: StepName, error: unknown): HostOutcome {
  return { host, ok: false, step, error };
}

async function applyHost(task: HostTask, builds: BuildPool, options: RunnerOptions): Promise<HostOutcome> {
  const { host, connection, facts, plan } = task;
  const { placement, secrets, emit, ready, signal } = options;
  const name = host.name;
  let step: StepName = "package-sources";
  try {
    if (plan.refusals.length > 0) throw hostRefused(name, plan.refusals);
    const wanted = wantedOf(placement, host, facts, secrets, wantedBuild(name, options.builds, options.source.version));
    const applied = new AppliedRecord(facts, wanted);
    const context: StepContext = { facts, wanted, emit, builds, applied, ready, signal };
    const left = new Map(plan.notApplicable.map(({ step: which, why }) => [which, why] as const));
    for (const each of STEPS) {
      step = each.name;
      const why = left.get(step);
      if (why !== undefined) {
        emit({ type: "step", host: name, step, state: "not-applicable", detail: why });
        continue;
      }
      const changes = plan.changes.filter((change) => change.step === step);
      if (changes.length === 0) {
        emit({ type: "step", host: name, step, state: "unchanged" });
        continue;
      }
      signal?.throwIfAborted();
      await options.beforeStep?.(name, step);
      const detail = changes.map(({ summary }) => summary).join("; ");
      emit({ type: "step", host: name, step, state: "started", detail });
      await each.apply(connection, changes, context);
      emit({ type: "step", host: name, step, state: "changed", detail, changes: changes.length });
    }
    // A host that is not ours alone is not made to wait for what others write.
    if (plan.changes.length > 0 && placement.capabilities.managesHost) await flushDisks(host, connection, options);
    return { host: name, ok: true, changed: plan.changes.length };
  } catch (error) {
    builds.failed(name, error);
    emit({ type: "step", host: name, step, state: "failed", detail: messageOf(error).split("\n")[0] ?? "" });
    return failure(name, step, error);
  }
}
