import type { LeaveReport } from "../operations/leaving/leave.ts";
import { colours as pc } from "./colours.ts";

/** What was done, what is left to know, and in the last line what became of the host. */
export function formatLeave(report: LeaveReport): string {
  return [
    ...report.done.map((what) => `${pc.green("done")}  ${what}`),
    ...report.notices.map((text) => `${pc.yellow("note")}  ${text}`),
    outcomeOf(report),
  ].join("\n");
}

function outcomeOf({ lab, target, host, outcome }: LeaveReport): string {
  switch (outcome) {
    case "stays":
      return `${host} stays in ${lab} on ${target}: the labs file declares it, and nothing was to be done`;
    case "handed-over":
      return `${host} of ${lab} on ${target} may be made again: its roles are with others, its instances are stopped`;
    case "left":
      return `${host} has left ${lab} on ${target}`;
    case "unknown":
      return `${host} was not a member of ${lab} on ${target}: nothing was to be done`;
    default:
      return outcome satisfies never;
  }
}
