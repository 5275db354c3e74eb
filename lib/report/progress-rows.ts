import type { LabEvent } from "../base/events.ts";
import { progressColours as pc } from "./colours.ts";
import { shortDetail } from "./progress.ts";

/** What a line of the live display tells: of a host, or of the lab as a whole. */
export interface RowState {
  /** The step that runs now, since when (milliseconds), and what it says. */
  current: { readonly step: string; readonly since: number; detail: string } | undefined;
  /** Steps that changed something there, in order, each once. */
  readonly changed: Set<string>;
  /** Some step was looked at. */
  begun: boolean;
  failed: string | undefined;
}

export function newRowState(): RowState {
  return { current: undefined, changed: new Set(), begun: false, failed: undefined };
}

/** What an event tells of the row that it belongs to. */
export function updateRow(row: RowState, event: Exclude<LabEvent, { type: "notice" }>, now: number): void {
  const detail = shortDetail(event.detail ?? "");
  row.begun = true;
  if (event.type === "progress") {
    if (row.current?.step === event.step) row.current.detail = detail;
    else row.current = { step: event.step, since: now, detail };
    return;
  }
  switch (event.state) {
    case "started":
      row.current = { step: event.step, since: row.current?.step === event.step ? row.current.since : now, detail };
      break;
    case "changed":
      row.changed.add(event.step);
      row.current = undefined;
      break;
    case "failed":
      row.failed = `${event.step} failed${detail === "" ? "" : `: ${event.detail}`}`;
      row.current = undefined;
      break;
    case "unchanged":
    case "not-applicable":
      if (row.current?.step === event.step) row.current = undefined;
      break;
    default:
      event.state satisfies never;
  }
}

/** What a row says while the verb runs. */
export function stateOf(row: RowState, now: number): string {
  if (row.failed !== undefined) return pc.red(row.failed);
  if (row.current === undefined) return row.changed.size === 0 ? "" : pc.dim(summaryOf(row));
  const { step, since, detail } = row.current;
  const seconds = Math.floor((now - since) / 1000);
  return [step, ...(seconds === 0 ? [] : [pc.cyan(`${seconds} s`)]), pc.dim(detail)].join("  ");
}

/** How a row ends: its words, and whether they are of something that went well. */
export interface RowEnd {
  readonly text: string;
  readonly good: boolean;
}

/** The end of the row of a host. A verb that failed before it came to a host says so, instead of that nothing was to be changed there. */
export function endOfHost(row: RowState, verbFailed: boolean): RowEnd {
  if (row.failed !== undefined) return { text: pc.red(row.failed), good: false };
  if (verbFailed && row.current !== undefined) return { text: `stopped at ${row.current.step}`, good: false };
  if (verbFailed && !row.begun) return { text: "not begun", good: false };
  return { text: summaryOf(row), good: true };
}

/** The end of the row of the lab: what was changed of the lab as a whole, and how many hosts were. */
export function endOfLab(row: RowState, hosts: readonly RowState[], verbFailed: boolean): RowEnd {
  const changed = hosts.filter((host) => host.changed.size > 0).length;
  const summary = [
    ...(row.changed.size > 0 ? [summaryOf(row)] : []),
    ...(changed > 0 ? [`${changed} of ${hosts.length} hosts changed`] : []),
  ].join("; ");
  if (row.failed !== undefined) return { text: pc.red(row.failed), good: false };
  if (verbFailed)
    return {
      text: row.current === undefined ? ["failed", ...(summary === "" ? [] : [summary])].join("; ") : `stopped at ${row.current.step}`,
      good: false,
    };
  return { text: summary === "" ? "unchanged" : summary, good: true };
}

function summaryOf({ changed }: RowState): string {
  return changed.size === 0 ? "unchanged" : `changed: ${[...changed].join(", ")}`;
}
