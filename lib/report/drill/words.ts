import type { DrillReport, TimelineEntry } from "../../operations/drill/report.ts";
import { colours as pc } from "../colours.ts";

/** The unit of a figure, by its name. The table of figures is code of the drill room; a report knows what the names say. */
export function unitOf(name: string): "count" | "ms" | "bytes" | "ratio" {
  if (/^(p\d|max|gap|outage|detection|election)/.test(name)) return "ms";
  return name === "floor" ? "ratio" : name === "resync-bytes" ? "bytes" : "count";
}

/** `2.14 s`, `830 ms`, `1.4 MB`, `12`. */
export function figure(value: number, unit: ReturnType<typeof unitOf>): string {
  switch (unit) {
    case "ms":
      return Math.abs(value) >= 1_000
        ? `${(value / 1_000).toFixed(2)} s`
        : Math.abs(value) >= 10
          ? `${Math.round(value)} ms`
          : `${value.toFixed(2)} ms`;
    case "bytes":
      return value >= 1e6 ? `${(value / 1e6).toFixed(1)} MB` : value >= 1e3 ? `${(value / 1e3).toFixed(1)} kB` : `${value} B`;
    case "ratio":
      return value.toFixed(2);
    case "count":
      return String(value);
    default:
      return unit satisfies never;
  }
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}

export function outcomeWord(outcome: DrillReport["verdict"]["outcome"]): string {
  switch (outcome) {
    case "passed":
      return pc.green("passed");
    case "failed":
      return pc.red("failed");
    case "interrupted":
      return pc.yellow("interrupted");
    default:
      return outcome satisfies never;
  }
}

export const STEP_TITLES: Readonly<Record<TimelineEntry["step"], string>> = {
  fault: "fault",
  suspected: "suspected by one (PFAIL, +sdown)",
  failed: "agreed that it is down (FAIL, +odown)",
  election: "votes asked for",
  vote: "vote",
  promoted: "promoted",
  "first-write": "first write again",
  "fault-undone": "fault undone",
  rejoined: "back as a replica",
  "in-step": "last replica in step",
  settled: "healthy",
};
