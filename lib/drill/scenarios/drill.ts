import { isLabError } from "../../base/error.ts";
import { didYouMean } from "../../base/nearest.ts";
import type { FaultOptions } from "../../fault/row.ts";
import type { LayoutKind } from "../../lab/layouts.ts";
import { invalidDrill } from "../errors.ts";
import type { EventKind } from "../history.ts";
import { merged, parseExpectations } from "../verdict/expectation.ts";
import { type DrillDuration, durationMs } from "./duration.ts";
import { ROLES, type RoleName } from "./roles.ts";

/** One thing that a drill does. Targets are roles of the moment (`master`, `its-replica`), or instances and hosts by name. */
export type DrillStep =
  /** A fault of `redis-lab fault`. Without `for` it stays until it is healed. */
  | {
      readonly do: "fault";
      readonly fault: string;
      readonly targets: readonly string[];
      readonly for?: DrillDuration;
      readonly options?: FaultOptions;
    }
  /** Takes back the faults that were made so far. */
  | { readonly do: "heal" }
  /** As `redis-lab start`. */
  | { readonly do: "start"; readonly targets: readonly string[] }
  /** `planned`: as `redis-lab failover`, which loses nothing. `plain`: SENTINEL FAILOVER alone. */
  | { readonly do: "failover"; readonly how: "planned" | "plain" }
  /** Slots from the master of the drill to another one; the next step begins with the first of them. */
  | { readonly do: "reshard"; readonly slots: number }
  /** Every instance, one after the other, replicas before masters. */
  | { readonly do: "rolling-restart" }
  /** As `redis-lab up`, which ends what a reshard left open first. */
  | { readonly do: "up" }
  | { readonly do: "set"; readonly targets: readonly string[]; readonly setting: string; readonly value: string }
  /** Until this is seen, or the time is over, which is no fault by itself: the expectation judges. */
  | { readonly do: "wait"; readonly for: EventKind; readonly within: DrillDuration }
  | { readonly do: "pause"; readonly for: DrillDuration }
  /** `status` has to say something of it. */
  | { readonly do: "says"; readonly about: string; readonly within: DrillDuration };

/** What is expected, and where that is written. */
export interface DrillExpectation {
  /** @default all of `given` */
  readonly layouts?: readonly LayoutKind[];
  /** From this version of Redis on, for example `7.0`. @default every version */
  readonly since?: string;
  readonly expect: string;
  readonly why: string;
  /** File and tag of Redis, number of an issue, documentation, or a measurement with its command. */
  readonly source: string;
}

export interface DrillLoad {
  /** Operations a second over all shards. @default 200 */
  readonly rate?: number;
  /** Share of reads. @default 0.2 */
  readonly reads?: number;
  /** How long it runs before the fault. @default "3s" */
  readonly before?: DrillDuration;
  /** How long it goes on once the lab is healthy again. @default "3s" */
  readonly after?: DrillDuration;
  /** WAIT after every write, for so many replicas. @default 0 */
  readonly wait?: number;
}

/** A drill as it is written: ten lines. */
export interface DrillInput {
  /** Letters, digits and dashes. */
  readonly name: string;
  /** One line, as the end of "NAME: …". */
  readonly about: string;
  /** What the lab has to be like. */
  readonly given: {
    readonly layouts: readonly LayoutKind[];
    /** Replicas of each master, at least. @default 1 */
    readonly replicas?: number;
    /** @default 0 */
    readonly sentinels?: number;
    /** The lab's Redis, from this version on. @default any */
    readonly since?: string;
  };
  readonly load?: DrillLoad;
  readonly fault: readonly DrillStep[];
  /** Terms (`lost=0,outage<20s`), or rows by layout and version, of which each one that fits counts and the last one wins. */
  readonly expect: string | readonly DrillExpectation[];
  /** What is done before the lab is waited for. @default faults are healed, and `up` */
  readonly recover?: readonly DrillStep[];
}

/** A drill that was checked. */
export interface Drill extends DrillInput {
  readonly kind: "drill";
}

const NAME = /^[a-z][a-z0-9-]{0,63}$/;
const LAYOUT_KINDS: Readonly<Record<LayoutKind, true>> = { cluster: true, sentinel: true, replication: true };
const DOES: Readonly<Record<DrillStep["do"], readonly string[]>> = {
  fault: ["fault", "targets"],
  heal: [],
  start: ["targets"],
  failover: ["how"],
  reshard: ["slots"],
  "rolling-restart": [],
  up: [],
  set: ["targets", "setting", "value"],
  wait: ["for", "within"],
  pause: ["for"],
  says: ["about", "within"],
};

/**
 * Makes a drill of its definition: `export const mine = defineDrill({ name: "mine", … })` in the labs file.
 *
 * @throws LabError `drill.invalid` with every fault at once
 */
export function defineDrill(input: DrillInput): Drill {
  const faults = drillFaults(input);
  if (faults.length > 0) throw invalidDrill(String(input?.name ?? "without a name"), faults);
  return { ...input, kind: "drill" };
}

/** A labs file in JavaScript may hold anything. */
function drillFaults(input: DrillInput): readonly string[] {
  if (typeof input !== "object" || input === null) return ["it is no object"];
  const { name, about, given, fault, expect, recover } = input;
  const layouts = Array.isArray(given?.layouts) ? given.layouts : [];
  return [
    ...(typeof name === "string" && NAME.test(name) ? [] : ["`name` is not made of small letters, digits and dashes"]),
    ...(typeof about === "string" && about !== "" ? [] : ["`about` is missing: one line that says what it does"]),
    ...(layouts.length > 0 ? [] : ["`given.layouts` is missing: the layouts that it is for"]),
    ...layouts
      .filter((layout) => !Object.hasOwn(LAYOUT_KINDS, layout))
      .map((layout) => `there is no layout "${layout}"${didYouMean(String(layout), Object.keys(LAYOUT_KINDS))}`),
    ...(Array.isArray(fault) && fault.length > 0
      ? fault.flatMap((step, index) => stepFaults(step, `fault[${index}]`))
      : ["`fault` is missing: a list of steps"]),
    ...(recover === undefined
      ? []
      : Array.isArray(recover)
        ? recover.flatMap((step, index) => stepFaults(step, `recover[${index}]`))
        : ["`recover` is no list of steps"]),
    ...expectFaults(expect),
  ];
}

function stepFaults(step: DrillStep, at: string): readonly string[] {
  const kind = (step as { do?: unknown } | null)?.do;
  if (typeof kind !== "string" || !Object.hasOwn(DOES, kind)) return [`${at}.do is none of ${Object.keys(DOES).join(", ")}`];
  const missing = DOES[kind as DrillStep["do"]].filter((field) => (step as unknown as Record<string, unknown>)[field] === undefined);
  if (missing.length > 0) return missing.map((field) => `${at}.${field} is missing`);
  const some = { timeoutMs: 1, failoverMs: 1 };
  const durations = Object.entries({
    for: step.do === "wait" ? undefined : "for" in step ? step.for : undefined,
    within: "within" in step ? step.within : undefined,
  });
  const targets = "targets" in step ? step.targets : [];
  return [
    ...durations.flatMap(([field, text]) =>
      text === undefined || durationMs(text, some) !== undefined
        ? []
        : [`${at}.${field} "${text}" is no time; write for example 3s or 0.5timeout`],
    ),
    ...targets
      .filter((target) => !isTarget(target))
      .map((target) => `${at}: there is no role "${target}"${didYouMean(target, Object.keys(ROLES))}; an instance is HOST:PORT`),
  ];
}

/** A role, or what has a number or a colon in it as names of hosts and instances do. */
function isTarget(target: string): target is RoleName {
  return Object.hasOwn(ROLES, target) || /[\d:]/.test(target);
}

function expectFaults(expect: DrillInput["expect"]): readonly string[] {
  const rows = typeof expect === "string" ? [expect] : Array.isArray(expect) ? expect.map((row) => String(row?.expect)) : [];
  if (rows.length === 0) return ['`expect` is missing: for example "lost=0,outage<20s"'];
  return rows.flatMap((row) => {
    try {
      parseExpectations(row);
      return [];
    } catch (error) {
      if (isLabError(error)) return [error.what];
      throw error;
    }
  });
}

/** What is expected of a version in a layout, with the reasons. */
export function expectedOf(drill: DrillInput, layout: LayoutKind, version: string) {
  const all = typeof drill.expect === "string" ? [{ expect: drill.expect, why: "", source: "" }] : drill.expect;
  const rows = all.filter(
    (row: Partial<DrillExpectation>) => (row.layouts?.includes(layout) ?? true) && atLeast(version, row.since ?? "0"),
  );
  const expectations = rows.reduce<ReturnType<typeof parseExpectations>>((sum, { expect }) => merged(sum, parseExpectations(expect)), []);
  return { rows, expectations };
}

/** `4.0.14` against `7.0`, number by number. */
export function atLeast(version: string, least: string): boolean {
  const [a, b] = [version, least].map((text) => text.split(".").map(Number));
  for (let index = 0; index < Math.max(a?.length ?? 0, b?.length ?? 0); index += 1) {
    const difference = (a?.[index] ?? 0) - (b?.[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

export function isDrill(value: unknown): value is Drill {
  return typeof value === "object" && value !== null && (value as { kind?: unknown }).kind === "drill";
}
