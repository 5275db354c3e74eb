import type { ChangeReport, MoveTotals } from "../../operations/cluster/change.ts";
import type { RecoveryReport } from "../../operations/cluster/recover.ts";
import { colours as pc } from "../colours.ts";

/** Lines of a plan that are shown; the rest is counted. */
const MOST_LINES = 40;

/** A change of a cluster: what is planned or was done, and what it moved. */
export function formatChange({ lab, target, verb, plan, estimate, applied, changed, moved }: ChangeReport): string {
  const lines = plan.actions.slice(0, MOST_LINES).map(({ summary }) => `  ${pc.green("+")} ${summary}`);
  const more = plan.actions.length - lines.length;
  const where = `${lab} on ${target}`;
  if (plan.actions.length === 0) return `${where}: nothing to ${verb}`;
  return [
    ...lines,
    ...(more > 0 ? [`  … and ${more} more`] : []),
    ...(estimate.slots > 0 && !applied
      ? [
          `${count(estimate.slots, "slot")} with ${count(estimate.keys, "key")}${estimate.bytes === undefined ? "" : `, about ${megabytes(estimate.bytes)}`}: about ${duration(estimate.seconds)}`,
        ]
      : []),
    ...(moved === undefined ? [] : [formatMoved(moved)]),
    applied ? `${where}: ${verb} done, ${changed} changed` : `${where}: ${verb} planned, nothing was changed`,
  ].join("\n");
}

export function formatMoved({ slots, keys, bytes, seconds, quarantined, quarantineFile }: MoveTotals): string {
  const line = `${count(slots, "slot")} with ${count(keys, "key")} (${megabytes(bytes)}) moved in ${duration(seconds)}`;
  return quarantineFile === undefined
    ? line
    : `${line}\n${pc.yellow(`${count(quarantined, "value")} of which there were two ${quarantined === 1 ? "was" : "were"} kept in ${quarantineFile}`)}`;
}

export function formatRecovery({ lab, target, verb, actions, applied, moved, left }: RecoveryReport): string {
  const where = `${lab} on ${target}`;
  if (actions.length === 0 && left.length === 0) return `${where}: nothing to ${verb}`;
  const lines = actions.slice(0, MOST_LINES).map((line) => `  ${pc.green("+")} ${line}`);
  return [
    ...lines,
    ...(actions.length > lines.length ? [`  … and ${actions.length - lines.length} more`] : []),
    ...(moved === undefined ? [] : [formatMoved(moved)]),
    left.length > 0 && applied
      ? pc.red(`${where}: ${count(left.length, "slot")} still not right: ${left.slice(0, 10).join(", ")}${left.length > 10 ? " …" : ""}`)
      : `${where}: ${verb} ${applied ? "done" : "planned, nothing was changed"}`,
  ].join("\n");
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function duration(seconds: number): string {
  return seconds < 1
    ? `${Math.max(1, Math.round(seconds * 1000))} ms`
    : seconds < 120
      ? `${seconds.toFixed(1)} s`
      : `${Math.round(seconds / 60)} min`;
}
