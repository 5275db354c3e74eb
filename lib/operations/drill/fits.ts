import { didYouMean } from "../../base/nearest.ts";
import { atLeast, type Drill, expectedOf } from "../../drill/scenarios/drill.ts";
import { METRICS, type Metric } from "../../drill/verdict/metrics.ts";
import { FAULTS } from "../../fault/faults.ts";
import { FAULT_NAMES, isFaultName } from "../../fault/words.ts";
import { instancesOf } from "../../lab/instances.ts";
import type { Placement } from "../../lab/placement.ts";
import type { Lab } from "../../lab/schema.ts";
import { TARGET_NAMES, TARGETS, type TargetCapabilities } from "../../lab/targets.ts";
import type { StatusRow } from "../layouts/row.ts";
import { doesNotFit, replicaAway } from "./errors.ts";

/** Why a lab can't run a drill, as the end of "it can't: …"; undefined where it can. */
export function whyNot(
  { given, fault, recover = [] }: Drill,
  lab: Lab,
  version: string,
  capabilities: TargetCapabilities,
): string | undefined {
  const { layouts, replicas = 1, sentinels = 0, since } = given;
  if (!layouts.includes(lab.layout.kind)) return `it is for ${layouts.join(", ")}`;
  if (since !== undefined && !atLeast(version, since)) return `it is for Redis ${since} and later`;
  for (const step of [...fault, ...recover]) {
    if (step.do !== "fault") continue;
    if (!isFaultName(step.fault)) return `there is no fault "${step.fault}"${didYouMean(step.fault, FAULT_NAMES)}`;
    const { needs, needsOfLab } = FAULTS[step.fault];
    if (needs === undefined || needs.has(capabilities)) {
      if (needsOfLab?.has(lab, capabilities) === false) return `${step.fault} needs ${needsOfLab.what}`;
      continue;
    }
    const able = TARGET_NAMES.filter((target) => needs.has(TARGETS[target]));
    return `${step.fault} needs ${needs.what}${able.length === 0 ? "" : ` (--target ${able.join(" or ")})`}`;
  }
  const roles = instancesOf(lab).map(({ role }) => role);
  const count = (...kinds: readonly string[]) => roles.filter(({ kind }) => kinds.includes(kind)).length;
  const masters = count("cluster-master", "master");
  if (count("cluster-replica", "replica") < replicas)
    return `it needs ${replicas === 1 ? "a replica" : `${replicas} replicas`} (of ${masters} masters)`;
  return count("sentinel") < sentinels ? `it needs ${sentinels} sentinels` : undefined;
}

/** @throws LabError `drill.does-not-fit` */
export function assertFits(drill: Drill, { lab, version, capabilities }: Placement, rows: readonly StatusRow[]): void {
  const why = whyNot(drill, lab, version.text, capabilities);
  if (why !== undefined) throw doesNotFit(drill.name, lab.name, why);
  const { replicas = 1 } = drill.given;
  const masters = rows.filter(({ role, slotCount, slots }) => role === "master" && (slots === "" || slotCount > 0));
  const short = masters.filter(
    ({ instance }) => rows.filter(({ role, master }) => role === "replica" && master === instance).length < replicas,
  );
  if (short.length === masters.length)
    throw doesNotFit(drill.name, lab.name, `none of its masters has ${replicas === 1 ? "a replica" : `${replicas} replicas`} now`);
  // A replica may stand behind another master than the declared one: then it depends on the choice of the master whether anything could take over.
  const [first] = short;
  if (first !== undefined && short.length > declaredShort(lab, replicas)) throw replicaAway(drill.name, lab.name, first.instance, replicas);
}

/** How many masters have fewer replicas than that by their declaration. */
function declaredShort(lab: Lab, replicas: number): number {
  const roles = instancesOf(lab);
  const of = (id: string) => roles.filter(({ role }) => "master" in role && role.master === id).length;
  return roles.filter(({ id, role }) => /^(cluster-)?master$/.test(role.kind) && of(id) < replicas).length;
}

/** One drill of `drill list`. */
export interface ListedDrill {
  readonly name: string;
  readonly about: string;
  readonly layouts: readonly string[];
  /** Defined in the project. */
  readonly own: boolean;
  /** Why the lab can't run it; left out where it can. */
  readonly whyNot?: string | undefined;
  /** What is expected of the lab's version in its layout. */
  readonly expect: string;
  /** Why, with the sources. */
  readonly because: readonly string[];
}

/** What an expectation can name. */
export function listFigures(): readonly { readonly name: string; readonly about: string; readonly unit: Metric["unit"] }[] {
  return Object.entries(METRICS).map(([name, { about, unit }]) => ({ name, about, unit }));
}

export function listDrills(
  drills: readonly (Drill & { readonly own: boolean })[],
  { lab, version, capabilities }: Placement,
): readonly ListedDrill[] {
  return drills.map((drill) => {
    const why = whyNot(drill, lab, version.text, capabilities);
    const { expectations, rows } = expectedOf(drill, lab.layout.kind, version.text);
    return {
      name: drill.name,
      about: drill.about,
      layouts: drill.given.layouts,
      own: drill.own,
      ...(why !== undefined && { whyNot: why }),
      expect: expectations.map(({ text }) => text).join(","),
      because: rows.flatMap(({ why: reason, source }) => (reason === "" ? [] : [`${reason} (${source})`])),
    };
  });
}
