import type { FailoverReport } from "../operations/failover.ts";

export function formatFailover({ lab, target, from, to }: FailoverReport): string {
  if (from === to) return `${to} is the master of ${lab} on ${target}: nothing was to be done`;
  return `${to} is the master of ${lab} on ${target}${from === undefined ? "" : ` in place of ${from}`}`;
}
