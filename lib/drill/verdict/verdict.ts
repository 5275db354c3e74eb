import { DRILL_CHECKS } from "../checks/checks.ts";
import type { HistoryCheck } from "../checks/row.ts";
import { type Expectation, holds, limitOf } from "./expectation.ts";
import type { Judged } from "./judged.ts";
import { METRICS } from "./metrics.ts";

/** What one term of the expectation came to. */
export interface ExpectationResult {
  /** As it was written. */
  readonly expectation: string;
  readonly met: boolean;
  /** What was measured, in the figure's unit; left out where the history does not tell. */
  readonly value?: number | undefined;
  /** The limit in the same unit; left out for `any`. */
  readonly limit?: number | undefined;
  readonly unit: "count" | "ms" | "bytes" | "ratio";
}

export interface HistoryCheckResult {
  readonly check: string;
  readonly about: string;
  /** `allowed`: it found something, and the expectation judges that figure; `not-judged`: the history lacks what it needs. */
  readonly outcome: "ok" | "failed" | "allowed" | "not-judged";
  /** What it found, as sentences. */
  readonly faults: readonly string[];
}

export interface DrillVerdict {
  /** `interrupted`: it did not come to its end, and what can be judged of it is as it should be. */
  readonly outcome: "passed" | "failed" | "interrupted";
  /** Why, as sentences; empty where it passed. */
  readonly reasons: readonly string[];
  readonly expectations: readonly ExpectationResult[];
  readonly checks: readonly HistoryCheckResult[];
}

/** Judges a history by an expectation and by all checks. Pure. */
export function verdictOf(judged: Judged, expected: readonly Expectation[]): DrillVerdict {
  const expectations = expected.map((each) => resultOf(each, judged));
  const asked = new Set(expected.map(({ metric }) => metric));
  const checks = DRILL_CHECKS.map((check) => checkResult(check, judged, asked));
  const reasons = [
    ...expectations.flatMap((each) => (each.met || (!judged.ended && each.value === undefined) ? [] : [whyNot(each)])),
    ...checks.flatMap(({ outcome, faults }) => (outcome === "failed" ? faults : [])),
  ];
  const unjudged = checks.filter(({ outcome }) => outcome === "not-judged").map(({ check }) => check);
  if (reasons.length > 0) return { outcome: "failed", reasons, expectations, checks };
  if (judged.ended && (unjudged.length === 0 || judged.header.drill === undefined))
    return { outcome: "passed", reasons, expectations, checks };
  const why = judged.ended ? "the lab was not looked at in the end" : "the run did not come to its end";
  return {
    outcome: "interrupted",
    reasons: [`${why}${unjudged.length === 0 ? "" : `; not judged: ${unjudged.join(", ")}`}`],
    expectations,
    checks,
  };
}

function resultOf(expectation: Expectation, judged: Judged): ExpectationResult {
  const metric = METRICS[expectation.metric];
  const value = metric?.of(judged);
  const limit = limitOf(expectation, judged);
  const any = expectation.limit === undefined;
  return {
    expectation: expectation.text,
    met: any || (value !== undefined && limit !== undefined && holds(expectation, value, limit)),
    ...(value !== undefined && { value }),
    ...(limit !== undefined && { limit }),
    unit: metric?.unit ?? "count",
  };
}

function whyNot({ expectation, value, limit, unit }: ExpectationResult): string {
  if (value === undefined) return `expected ${expectation}, and it was not measured`;
  if (limit === undefined) return `expected ${expectation}, and the history does not say the time-out that this is relative to`;
  return `expected ${expectation}, and it was ${showFigure(value, unit)}${/timeout|floor/.test(expectation) ? ` (at most ${showFigure(limit, unit)})` : ""}`;
}

/** `2.14 s`, `830 ms`, `1.4 MB`. */
export function showFigure(value: number, unit: ExpectationResult["unit"]): string {
  switch (unit) {
    case "ms":
      return value >= 1_000 ? `${(value / 1_000).toFixed(2)} s` : value >= 10 ? `${Math.round(value)} ms` : `${value.toFixed(2)} ms`;
    case "bytes":
      return value >= 1e6 ? `${(value / 1e6).toFixed(1)} MB` : value >= 1e3 ? `${(value / 1e3).toFixed(1)} kB` : `${value} B`;
    case "ratio":
      return value.toFixed(2);
    default:
      return String(value);
  }
}

function checkResult({ name, about, needs, metric, check }: HistoryCheck, judged: Judged, asked: ReadonlySet<string>): HistoryCheckResult {
  const lacks = needs.some((need) => !PRESENT[need](judged));
  if (lacks) return { check: name, about, outcome: "not-judged", faults: [] };
  const faults = check(judged);
  const allowed = metric !== undefined && asked.has(metric);
  return { check: name, about, outcome: faults.length === 0 ? "ok" : allowed ? "allowed" : "failed", faults };
}

const PRESENT: { readonly [Need in HistoryCheck["needs"][number]]: (judged: Judged) => boolean } = {
  final: ({ hasFinal }) => hasFinal,
  state: ({ state }) => state !== undefined,
  events: ({ events }) => events.length > 0,
  end: ({ ended }) => ended,
};
