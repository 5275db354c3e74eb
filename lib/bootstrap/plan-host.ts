import { isLabError } from "../base/error.ts";
import type { PlacedHost, PlacedInstance, Placement } from "../lab/placement.ts";
import type { Secrets } from "../lab/secrets.ts";
import { runtimeChanges } from "../redis/conf/runtime.ts";
import { maskedDiff } from "../render/diff.ts";
import type { HostFacts } from "./facts.ts";
import { isRead, mergeFile } from "./managed-file.ts";
import type { Change, HostPlan, Reconfigure, Restart } from "./plan.ts";
import { refusalsOf } from "./refusals.ts";
import { STEPS } from "./steps/index.ts";
import { installNotes } from "./steps/install.ts";
import { packageSourcesNotes } from "./steps/package-sources.ts";
import { sysctlNotes } from "./steps/sysctl.ts";
import { thpNotes } from "./steps/thp.ts";
import { type HostWanted, type WantedBuild, wantedOf } from "./wanted.ts";

export interface PlanRequest {
  readonly placement: Placement;
  readonly host: PlacedHost;
  readonly secrets: Secrets;
  /** @default undefined: nothing is said about build and install */
  readonly build?: WantedBuild | undefined;
}

/** What `up` would do to a host that was looked at. Pure; a host that cannot be managed has refusals and nothing else. */
export function planHost(facts: HostFacts, request: PlanRequest): HostPlan {
  const { placement, host, secrets, build } = request;
  const managed = placement.capabilities.managesHost;
  const nothing: HostPlan = {
    host: host.name,
    changes: [],
    reconfigure: [],
    restarts: [],
    notApplicable: STEPS.flatMap(({ name, notApplicable }) =>
      managed || notApplicable === undefined ? [] : [{ step: name, why: notApplicable }],
    ),
    notes: [...facts.problems],
    refusals: [],
  };
  try {
    const wanted = wantedOf(placement, host, facts, secrets, build);
    const changes = STEPS.filter(({ notApplicable }) => managed || notApplicable === undefined).flatMap((step) =>
      step.check(facts, wanted),
    );
    return {
      ...nothing,
      changes,
      reconfigure: reconfigurations(facts, wanted),
      restarts: restarts(facts, wanted, changes),
      notes: [
        ...nothing.notes,
        ...(managed
          ? [
              ...packageSourcesNotes(facts, wanted),
              ...sysctlNotes(facts, wanted),
              ...thpNotes(facts, wanted),
              ...installNotes(facts, wanted),
            ]
          : []),
      ],
      refusals: refusalsOf(facts, wanted, changes),
    };
  } catch (error) {
    if (!isLabError(error)) throw error;
    return { ...nothing, refusals: [{ code: error.code, text: [error.what, error.why].filter(Boolean).join(" "), next: error.next }] };
  }
}

/** Configurations that a running instance has read and that are to change. */
function reconfigurations(facts: HostFacts, wanted: HostWanted): readonly Reconfigure[] {
  const { version } = wanted.placement;
  return wanted.files.flatMap((file): Reconfigure[] => {
    if (file.instance === undefined || !isRead(facts, file)) return [];
    const live = facts.files.get(file.path);
    const merged = mergeFile(file, live, facts.applied, version);
    if (merged.text === live) return [];
    const kind = file.kind === "sentinel-conf" ? "sentinel" : "redis";
    const { live: now, restart } = runtimeChanges(merged.changes, merged.text, version, runningBuild(facts, wanted, file.instance), kind);
    return [
      {
        instance: file.instance,
        live: now,
        restart,
        diff: maskedDiff(file.path, live, merged.text, wanted.secrets),
      },
    ];
  });
}

/** Whether the process of a running instance is of the build that it is to be. */
export function runningBuild(facts: HostFacts, { build }: HostWanted, instance: string): "this-build" | "other-build" {
  return build === undefined || facts.instances.get(instance)?.buildKey === build.key.slice(0, 16) ? "this-build" : "other-build";
}

/** Running instances whose process is not what is (or will be) installed. */
function restarts(facts: HostFacts, wanted: HostWanted, changes: readonly Change[]): readonly Restart[] {
  const changedUnits = new Set(
    wanted.files
      .filter(
        ({ step, path }) =>
          step === "units" && changes.some((change) => change.subject === path && change.reason !== "wrong-owner-or-mode"),
      )
      .map(({ instance }) => instance),
  );
  return wanted.host.instances.flatMap((instance: PlacedInstance): Restart[] => {
    const fact = facts.instances.get(instance.id);
    if (fact?.process === undefined) return [];
    if (runningBuild(facts, wanted, instance.id) === "other-build") return [{ instance: instance.id, reason: "other-build" }];
    if (changedUnits.has(instance.id)) return [{ instance: instance.id, reason: "unit-changed" }];
    return fact.restartPending === undefined ? [] : [{ instance: instance.id, reason: fact.restartPending }];
  });
}
