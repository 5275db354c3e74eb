import { megabytes, plural } from "../base/text.ts";
import type { Gap } from "../drill/load/gaps.ts";
import type { LatencySummary } from "../drill/load/latencies.ts";
import type { SideSummary } from "../drill/load/summary.ts";
import type { CleanedLoads } from "../operations/clean-loads.ts";
import type { LoadReport } from "../operations/load.ts";
import { type Column, formatTable, type TableOptions } from "./table.ts";

/** So many of the longest gaps of a shard are shown. */
const SHOWN_GAPS = 3;

/** The counts while a load runs, as one line. */
export function formatLoadProgress(
  seconds: number,
  { acknowledged, failed, unknown }: { readonly acknowledged: number; readonly failed: number; readonly unknown: number },
): string {
  return `${seconds} s: ${acknowledged} acknowledged, ${failed} failed, ${unknown} unknown`;
}

export function formatLoad({ lab, target, settings, summary, keys, folder }: LoadReport, options: TableOptions): string {
  const seconds = (summary.endedAt - summary.beganAt) / 1e6;
  const errors = Object.entries(summary.errors);
  return [
    `${lab} on ${target} was loaded for ${seconds.toFixed(1)} s by ${plural(
      summary.shards.reduce((sum, { writers }) => sum + writers, 0),
      "writer",
    )}`,
    ...(summary.endedBy === undefined ? [] : [`  it ended before its time: ${summary.endedBy}`]),
    `  asked ${settings.rate}/s, acknowledged ${summary.rateReached}/s`,
    `  ${plural(summary.operations, "operation")}: ${summary.acknowledged} acknowledged, ${summary.failed} failed${summary.notSent === 0 ? "" : ` (${summary.notSent} of them not sent)`}, ${summary.unknown} unknown`,
    ...(errors.length === 0 ? [] : [`  errors: ${errors.map(([code, count]) => `${code} ${count}`).join(", ")}`]),
    "",
    formatTable(rowsOf(summary), LATENCY_COLUMNS, options),
    ...gapLines(summary),
    "",
    ...keyLines(keys),
    `history: ${folder} (${megabytes(summary.ledgerBytes)})`,
  ].join("\n");
}

export function formatCleaned({ lab, cleaned }: CleanedLoads): string {
  if (cleaned.length === 0) return `no load left keys in ${lab}`;
  return cleaned.flatMap(({ folder, ...keys }) => [...keyLines(keys), `  of ${folder}`]).join("\n");
}

interface LatencyRow {
  readonly name: string;
  readonly latency: LatencySummary;
}

const ms = (pick: (latency: LatencySummary) => number) => (row: LatencyRow) =>
  row.latency.count === 0 ? "-" : pick(row.latency).toFixed(2);

const LATENCY_COLUMNS: readonly Column<LatencyRow>[] = [
  { title: "latency, ms", cell: ({ name }) => name },
  { title: "count", cell: ({ latency }) => String(latency.count), align: "right" },
  { title: "p50", cell: ms(({ p50 }) => p50), align: "right" },
  { title: "p99", cell: ms(({ p99 }) => p99), align: "right" },
  { title: "p99.9", cell: ms(({ p999 }) => p999), align: "right" },
  { title: "max", cell: ms(({ max }) => max), align: "right" },
];

function rowsOf({ latency, late, shards }: LoadReport["summary"]): readonly LatencyRow[] {
  const [only, ...more] = shards;
  const each = more.length === 0 || only === undefined ? [] : shards;
  return [
    { name: "writes", latency: latency.writes },
    ...each.map(({ shard, writes }) => ({ name: `  ${shard}`, latency: writes.latency })),
    { name: "reads", latency: latency.reads },
    ...each.map(({ shard, reads }) => ({ name: `  ${shard}`, latency: reads.latency })),
    { name: "sent after due", latency: late },
  ];
}

function gapLines({ beganAt, shards }: LoadReport["summary"]): readonly string[] {
  const lines = shards.flatMap(({ shard, writes, reads }) => [
    ...gapsOf(`${shard}, writes`, writes, beganAt),
    ...gapsOf(`${shard}, reads`, reads, beganAt),
  ]);
  return lines.length === 0 ? [] : ["", "outages, from the last answer before an error to the first one after it:", ...lines];
}

function gapsOf(name: string, { gapCount, gaps }: SideSummary, beganAt: number): readonly string[] {
  if (gapCount === 0) return [];
  const length = ({ from, to }: Gap) => (to === undefined ? Number.POSITIVE_INFINITY : to - from);
  const longest = [...gaps].sort((a, b) => length(b) - length(a)).slice(0, SHOWN_GAPS);
  const more = gapCount - longest.length;
  return [
    ...longest.map((gap) => {
      const at = ((gap.from - beganAt) / 1e6).toFixed(1);
      const lasted = gap.to === undefined ? "until the end" : `${((gap.to - gap.from) / 1e6).toFixed(2)} s`;
      return `  ${name}: ${lasted}, from ${at} s on, ${plural(gap.errors, "error")}`;
    }),
    ...(more === 0 ? [] : [`  ${name}: ${more} more, shorter`]),
  ];
}

function keyLines(keys: LoadReport["keys"]): readonly string[] {
  if (keys === undefined) return [];
  const removed = `${plural(keys.removed, "key")} of the load removed`;
  return [keys.left === 0 ? removed : `${removed}; ${keys.left} could not be removed`];
}
