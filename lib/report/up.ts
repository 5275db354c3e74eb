import type { UpReport } from "../operations/up.ts";
import { colours as pc } from "./colours.ts";
import { formatHostFailure } from "./host-failure.ts";
import { formatStatus } from "./status.ts";
import type { TableOptions } from "./table.ts";

export interface UpFormat extends TableOptions {
  /** The command that goes on after a failure. @default npx redis-lab up LAB */
  readonly continueWith?: string;
}

/** The end of an `up`: failures first, then the proof, the table, the count and the next commands to try. */
export function formatUp(report: UpReport, options: UpFormat): string {
  return [
    ...report.failures.map(formatHostFailure),
    ...(report.proof === undefined ? [] : [`${pc.green("proved")}  ${report.proof}`]),
    "",
    formatStatus(report.status, options),
    report.version === report.declaredVersion
      ? `Redis ${report.version} from ${report.origin}`
      : pc.yellow(`Redis ${report.version} runs, the lab declares ${report.declaredVersion}; its source: ${report.origin}`),
    `${report.changed} changed`,
    ...report.left.flatMap(({ host, done, notices }) => [
      `left    ${host}: ${done.length === 0 ? "nothing was to be done" : done.join("; ")}`,
      ...notices,
    ]),
    "",
    ...report.departing.map((host) => `${host} is declared no more: redis-lab leave ${report.lab} ${host} makes it leave.`),
    ...nextCommands(report, options.continueWith ?? `npx redis-lab up ${report.lab}`),
  ].join("\n");
}

function nextCommands({ lab, status, failures, ok, takeDown }: UpReport, continueWith: string): readonly string[] {
  if (failures.length > 0) return [`Fix the hosts above, then continue: ${continueWith}`];
  if (!ok) return [`Fix what is named above, then continue: ${continueWith}`];
  const first = status.rows.find(({ role }) => role === "master") ?? status.rows[0];
  return [
    "Try next:",
    `  npx redis-lab status ${lab} --watch`,
    `  npx redis-lab cli ${lab} ${first?.instance ?? ""} info replication`,
    `  npx redis-lab doctor ${lab}`,
    `  ${takeDown}`,
  ];
}
