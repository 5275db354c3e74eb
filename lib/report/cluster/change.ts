import { byCount, megabytes, plural } from "../../base/text.ts";
import type { ChangeReport, MoveTotals } from "../../operations/cluster/change.ts";
import type { RecoveryReport } from "../../operations/cluster/fix-and-resume.ts";
import { colours as pc } from "../colours.ts";
import { formatFindings } from "../status.ts";
import { formatAbsent } from "./absent.ts";

/** Lines of a plan that are shown; the rest is counted. */
const MOST_LINES = 40;

/**
 * A change of a cluster: what is planned or was done, and what it moved.
 *
 * @param most actions that are shown; the rest is counted
 */
export function formatChange(
  { lab, target, verb, plan, findings, estimate, applied, changed, moved }: ChangeReport,
  most = MOST_LINES,
): string {
  const lines = plan.actions.slice(0, most).map(({ summary }) => `  ${pc.green("+")} ${summary}`);
  const more = plan.actions.length - lines.length;
  const where = `${lab} on ${target}`;
  const notes = formatFindings(findings);
  if (plan.actions.length === 0) return [...notes, `${where}: nothing to ${verb}`].join("\n");
  return [
    ...notes,
    ...lines,
    ...(more > 0 ? [`  … and ${more} more`] : []),
    ...(estimate.slots > 0 && !applied
      ? [
          `${plural(estimate.slots, "slot")} with ${plural(estimate.keys, "key")}${estimate.bytes === undefined ? "" : `, about ${amount(estimate.bytes)}`}: about ${duration(estimate.seconds)}`,
        ]
      : []),
    ...(moved === undefined ? [] : [formatMoved(moved)]),
    applied ? `${where}: ${verb} done, ${changed} changed` : `${where}: ${verb} planned, nothing was changed`,
  ].join("\n");
}

export function formatMoved({ slots, keys, bytes, seconds, quarantined, quarantineFile }: MoveTotals): string {
  const line = `${plural(slots, "slot")} with ${plural(keys, "key")} (${amount(bytes)}) moved in ${duration(seconds)}`;
  return quarantineFile === undefined
    ? line
    : `${line}\n${pc.yellow(`${plural(quarantined, "value")} of which there were two ${byCount(quarantined, "was", "were")} kept in ${quarantineFile}`)}`;
}

export function formatRecovery({ lab, target, verb, actions, absent, applied, moved, left }: RecoveryReport): string {
  const where = `${lab} on ${target}`;
  const unseen = [...formatAbsent(absent), ...(absent.length > 0 ? ["`redis-lab up LAB` starts what is declared."] : [])];
  if (actions.length === 0 && left.length === 0)
    return [`${where}: nothing to ${verb}${absent.length > 0 ? " in what answers" : ""}`, ...unseen].join("\n");
  const lines = actions.slice(0, MOST_LINES).map((line) => `  ${pc.green("+")} ${line}`);
  return [
    ...lines,
    ...(actions.length > lines.length ? [`  … and ${actions.length - lines.length} more`] : []),
    ...(moved === undefined ? [] : [formatMoved(moved)]),
    left.length > 0 && applied
      ? pc.red(`${where}: ${plural(left.length, "slot")} still not right: ${left.slice(0, 10).join(", ")}${left.length > 10 ? " …" : ""}`)
      : `${where}: ${verb} ${applied ? "done" : "planned, nothing was changed"}`,
    ...unseen,
  ].join("\n");
}

function amount(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : megabytes(bytes);
}

function duration(seconds: number): string {
  return seconds < 1
    ? `${Math.max(1, Math.round(seconds * 1000))} ms`
    : seconds < 120
      ? `${seconds.toFixed(1)} s`
      : `${Math.round(seconds / 60)} min`;
}
