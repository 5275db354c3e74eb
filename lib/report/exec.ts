import type { ExecReport } from "../operations/exec.ts";

/** A line of a host's output, or of an instance's log, behind its name. */
export function prefixed(name: string, line: string, width: number): string {
  return `${name.padEnd(width)} | ${line}`;
}

/** The hosts on which the command failed; empty where there are none. */
export function formatFailedHosts({ hosts }: ExecReport): string {
  return hosts
    .filter(({ exitCode }) => exitCode !== 0)
    .map(({ host, exitCode, error }) => `${host}: ${error ?? `exit code ${exitCode}`}`)
    .join("\n");
}
