import type { DrillReport, TimelineEntry } from "../../operations/drill/report.ts";
import type { DrillRunReport } from "../../operations/drill/run.ts";
import { colours as pc } from "../colours.ts";
import { formatTable, type TableOptions } from "../table.ts";
import { wrapLines } from "../wrap.ts";
import { figure, outcomeWord, STEP_TITLES, seconds, unitOf } from "./words.ts";

/** Columns of a story, where the screen is wider or does not say. */
const WIDTH = 80;

/** All runs of a drill: a single one as a story, several as their spread, with a story of the first that failed. */
export function formatDrillRuns(report: DrillRunReport, options: TableOptions): string {
  const [only] = report.runs;
  if (only === undefined) return `${report.drill}: interrupted before it began`;
  if (report.runs.length === 1) return formatDrill(only, options);
  const failed = report.runs.filter(({ verdict }) => verdict.outcome !== "passed");
  const worst = failed[0];
  return [
    `${report.passed ? pc.green("passed") : pc.red("failed")}  ${report.drill} on ${report.lab}: ${report.runs.length - failed.length} of ${report.runs.length} runs passed`,
    "",
    formatSpread(report, options),
    ...(worst === undefined ? [] : ["", formatDrill(worst, options)]),
  ].join("\n");
}

const SPREAD = [
  "acknowledged",
  "failed",
  "unknown",
  "lost",
  "phantom",
  "stale",
  "gap",
  "gap-read",
  "outage",
  "detection",
  "election",
  "floor",
  "p50-before",
  "p99-before",
  "p99-during",
  "p99-after",
  "full-resyncs",
];

function formatSpread({ distribution }: DrillRunReport, options: TableOptions): string {
  const rows = SPREAD.flatMap((name) => (distribution[name] === undefined ? [] : [{ name, ...distribution[name] }]));
  const cell = (name: string, value: number) => figure(value, unitOf(name));
  return formatTable(
    rows,
    [
      { title: "FIGURE", cell: ({ name }) => name },
      { title: "BEST", align: "right", cell: ({ name, min }) => cell(name, min) },
      { title: "MEDIAN", align: "right", cell: ({ name, median }) => cell(name, median) },
      { title: "WORST", align: "right", cell: ({ name, max }) => cell(name, max) },
    ],
    options,
  );
}

/** One run: the verdict and why first, then the figures, what happened when, and where to look further. */
export function formatDrill(report: DrillReport, options: Partial<TableOptions> = {}): string {
  const width = Math.min(options.width ?? WIDTH, WIDTH);
  const { drill, lab, target, version, layout, verdict, folder, because, left } = report;
  const lines = [
    `${outcomeWord(verdict.outcome)}  ${drill ?? "load"} on ${lab} (${layout}, Redis ${version}, ${target})`,
    ...verdict.reasons.map((reason) => `        ${reason}`),
    ...left.map((each) => `${pc.red("left")}    ${each}`),
    ...(verdict.expectations.length === 0
      ? []
      : [`        expected: ${verdict.expectations.map(({ expectation, met }) => (met ? expectation : pc.red(expectation))).join(", ")}`]),
    ...(drill === undefined ? unjudgedLines(report) : []),
    "",
    ...figureLines(report),
    "",
    ...timelineLines(report.timeline),
    ...costLines(report),
    ...(because.length === 0 ? [] : ["", ...because.map((each, index) => `${index === 0 ? "expected" : "        "} because ${each}`)]),
    "",
    `Again:   redis-lab drill check ${folder}`,
    `Further: redis-lab status ${lab}; redis-lab logs ${lab} --all; less ${folder}/events.jsonl`,
  ];
  return lines.map((line) => (/^(Again|Further):/.test(line) ? line : wrapLines(line, width))).join("\n");
}

/** Of a load on its own: what only the end of a drill tells. */
function unjudgedLines({ verdict }: DrillReport): readonly string[] {
  const unjudged = verdict.checks.filter(({ outcome }) => outcome === "not-judged").map(({ check }) => check);
  return unjudged.length === 0 ? [] : [`        a load does not look at the lab in the end; not judged: ${unjudged.join(", ")}`];
}

function figureLines({ figures, errors, shards }: DrillReport): readonly string[] {
  const value = (name: string) => figures[name];
  const show = (name: string) => (value(name) === undefined ? "?" : figure(value(name) ?? 0, unitOf(name)));
  const kinds = Object.entries(errors)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 4);
  const hurt = shards.filter(({ gapMs = 0, outageMs }) => outageMs !== undefined || gapMs > 1_000);
  return [
    `writes  ${show("acknowledged")} acknowledged, ${show("failed")} refused, ${show("unknown")} without an answer (${show("unknown-present")} of them done)`,
    `data    ${show("lost")} lost, ${show("phantom")} refused and yet there, ${show("stale")} stale reads, ${show("backwards")} reads that went back`,
    `outage  writes ${show("gap")} silent, reads ${show("gap-read")}${value("floor") === undefined ? "" : `; ${show("floor")} of the time-out and one election`}`,
    ...hurt.map(
      ({ shard, gapMs = 0, outageMs }) =>
        `        ${shard}: ${figure(gapMs, "ms")} silent${outageMs === undefined ? "" : `, ${figure(outageMs, "ms")} from the first error to the last`}`,
    ),
    `latency p50 ${show("p50-before")} before, ${show("p50-during")} during, ${show("p50-after")} after`,
    `        p99 ${show("p99-before")} before, ${show("p99-during")} during, ${show("p99-after")} after`,
    ...(kinds.length === 0 ? [] : [`errors  ${kinds.map(([kind, count]) => `${count} × ${kind}`).join(", ")}`]),
  ];
}

/** Steps with the time since the fault, and since the step before. */
function timelineLines(timeline: readonly TimelineEntry[]): readonly string[] {
  if (timeline.length === 0) return [];
  let before = 0;
  const lines = timeline.map(({ step, atMs, errorMs, node, text, source }) => {
    const since = atMs - before;
    before = atMs;
    const sure = errorMs >= 100 ? ` ±${Math.round(errorMs)} ms` : "";
    const said =
      source === "drill" ? text : `${node === undefined || text.includes(node) ? "" : node}${text === "" ? "" : ` “${shortened(text)}”`}`;
    return `${seconds(atMs).padStart(9)}  ${`+${seconds(since)}`.padStart(9)}  ${STEP_TITLES[step]}${sure}${said.trim() === "" ? "" : `: ${said.trim()}`}`;
  });
  return ["after the fault, and after the step before:", ...lines, ""];
}

/** Node ids and run ids say little to people. */
function shortened(text: string): string {
  const plain = text.replaceAll(/\b([0-9a-f]{8})[0-9a-f]{32}\b/g, "$1…");
  return plain.length > 70 ? `${plain.slice(0, 69)}…` : plain;
}

/** What the silence was made of. */
function costLines({ timeline, figures }: DrillReport): readonly string[] {
  const at = (step: TimelineEntry["step"]) => timeline.find((entry) => entry.step === step)?.atMs;
  const [failed, promoted, written] = [at("failed"), at("promoted"), at("first-write")];
  const parts = [
    ...(failed === undefined ? [] : [`${figure(failed, "ms")} until it was agreed that it is down`]),
    ...(promoted === undefined
      ? []
      : [`${figure(promoted - (failed ?? 0), "ms")} ${failed === undefined ? "until another one was the master" : "for the election"}`]),
    ...(written === undefined || promoted === undefined || written < promoted
      ? []
      : [`${figure(written - promoted, "ms")} until clients had found it`]),
  ];
  const resyncs = `${figures["full-resyncs"] ?? 0} full resynchronisations${(figures["resync-bytes"] ?? 0) === 0 ? "" : ` (${figure(figures["resync-bytes"] ?? 0, "bytes")})`}, ${figures["partial-resyncs"] ?? 0} partial`;
  return [...(parts.length === 0 ? [] : [`cost    ${parts.join(", ")}`]), `resync  ${resyncs}`];
}
