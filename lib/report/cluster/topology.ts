import type { Shard, ShardMap } from "../../cluster/findings/shard-map.ts";
import type { DifferenceReport, TopologyReport } from "../../operations/cluster/read.ts";
import { SLOT_COUNT } from "../../redis/constants.ts";
import { colours as pc } from "../colours.ts";
import { shortRanges } from "../ranges.ts";
import { formatTable, type TableOptions } from "../table.ts";
import { formatAbsent } from "./absent.ts";

/** Characters of the bar that stands for all slots. */
const BAR = 64;

/** A cluster as text: a bar of all slots, then its shards with masters and replicas. */
export function formatTopology(report: TopologyReport): string {
  const letters = report.shards.map((_, index) => LETTERS[index % LETTERS.length] ?? "?");
  const bar = Array.from({ length: BAR }, (_, cell) => {
    const slot = Math.floor(((cell + 0.5) / BAR) * SLOT_COUNT);
    const at = report.shards.findIndex(({ slots }) => slots.some(({ first, last }) => first <= slot && slot <= last));
    return at < 0 ? "." : (letters[at] ?? "?");
  }).join("");
  return [
    `0 ${bar} ${SLOT_COUNT - 1}`,
    "",
    ...report.shards.flatMap((shard, index) => [
      `${pc.bold(letters[index] ?? "?")}  ${shard.master.instance}  ${shard.slotCount === 0 ? "no slots" : `${rangesOf(shard)} (${shard.slotCount})`}  ${shard.keys} keys`,
      ...shard.replicas.map(({ instance, inStep }) => `     ${instance}${inStep ? "" : pc.red("  not in step")}`),
      ...openOf(shard).map((line) => `     ${pc.yellow(line)}`),
    ]),
    ...(report.uncovered.length > 0 ? [pc.red(`no owner: ${report.uncovered.map(rangeText).join(",")}`)] : []),
    ...formatAbsent(report.absent),
  ].join("\n");
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

function rangesOf({ slots }: Shard): string {
  return shortRanges(slots.map(rangeText));
}

function rangeText({ first, last }: Shard["slots"][number]): string {
  return first === last ? `${first}` : `${first}-${last}`;
}

function openOf({ migrating, importing }: Shard): readonly string[] {
  const list = (word: string, slots: Readonly<Record<string, string>>) =>
    Object.keys(slots).length === 0 ? [] : [`${word}: ${Object.keys(slots).slice(0, 10).join(", ")}`];
  return [...list("migrating", migrating), ...list("importing", importing)];
}

export function formatDifferences({ lab, target, differences }: DifferenceReport, options: TableOptions): string {
  if (differences.length === 0) return `${lab} on ${target}: as declared`;
  const table = formatTable(
    differences,
    [
      { title: "INSTANCE", cell: ({ instance }) => instance },
      { title: "DECLARED", cell: ({ declared }) => declared },
      { title: "RUNNING", cell: ({ running }) => running },
      ...(options.terminal ? [] : [{ title: "FIX", cell: ({ fix }: (typeof differences)[number]) => fix.replaceAll("`", "") }]),
    ],
    options,
  );
  // A terminal has no room for commands beside the rest.
  return options.terminal ? [table, "", ...differences.map(({ instance, fix }) => `${instance}  ${fix}`)].join("\n") : table;
}

const WIDTH = 960;
const ROW = 26;
const LEFT = 230;
/** Hues that are distinguished by people who see no red or green as well (Okabe and Ito, 2008). */
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999"];

/** A cluster as a picture: one row a shard with its slots where they are from 0 to 16383, its replicas below. */
export function topologySvg({ lab, shards }: ShardMap & { readonly lab: string }): string {
  const rows = shards.flatMap((shard, index) => [
    { shard, index, replica: undefined },
    ...shard.replicas.map((replica) => ({ shard, index, replica })),
  ]);
  const height = 60 + rows.length * ROW;
  const x = (slot: number) => LEFT + (slot / SLOT_COUNT) * (WIDTH - LEFT - 20);
  const text = rows.map(({ shard, replica }, row) => {
    const label = replica === undefined ? `${shard.master.instance} (${shard.slotCount})` : `↳ ${replica.instance}`;
    return `<text x="${replica === undefined ? 16 : 34}" y="${62 + row * ROW}" ${replica === undefined ? 'font-weight="bold"' : ""}>${escaped(label)}</text>`;
  });
  const bars = rows.flatMap(({ shard, index, replica }, row) =>
    shard.slots.map(
      ({ first, last }) =>
        `<rect x="${x(first).toFixed(1)}" y="${48 + row * ROW}" width="${Math.max(0.5, x(last + 1) - x(first)).toFixed(1)}" height="18" fill="${COLOURS[index % COLOURS.length]}"${replica === undefined ? "" : ' fill-opacity=".35"'}><title>${first}-${last}</title></rect>`,
    ),
  );
  const ticks = [0, 4096, 8192, 12288, SLOT_COUNT - 1].map(
    (slot) => `<text x="${x(slot).toFixed(1)}" y="36" text-anchor="middle" fill="#555">${slot}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="16" y="22" font-size="15" font-weight="bold">${escaped(lab)}: slots of ${shards.length} shards</text>`,
    ...ticks,
    ...bars,
    ...text,
    "</svg>",
  ].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
