import { stripVTControlCharacters } from "node:util";
import CliTable from "cli-table3";
import { colours as pc } from "./colours.ts";

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly align?: "left" | "right";
}

export interface TableOptions {
  readonly terminal: boolean;
  /** Columns of the terminal; the last cell of a row is cut there. @default not cut */
  readonly width?: number | undefined;
}

const GAP = "  ";

/** A table for people: on a terminal aligned and coloured, otherwise one line a row with tab-separated cells, which `cut` and `awk` can read. */
export function formatTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[], options: TableOptions): string {
  if (!options.terminal)
    return [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ cell }) => cell(row)))]
      .map((cells) => cells.join("\t"))
      .join("\n");
  const table = new CliTable({
    head: columns.map(({ title }) => pc.bold(title)),
    colAligns: columns.map(({ align }) => align ?? "left"),
    chars: {
      top: "",
      "top-mid": "",
      "top-left": "",
      "top-right": "",
      bottom: "",
      "bottom-mid": "",
      "bottom-left": "",
      "bottom-right": "",
      left: "",
      "left-mid": "",
      mid: "",
      "mid-mid": "",
      right: "",
      "right-mid": "",
      middle: GAP,
    },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row)));
  const before = columns
    .slice(0, -1)
    .reduce((sum, { title }, index) => sum + GAP.length + Math.max(title.length, ...cells.map((row) => lengthOf(row[index]))), 0);
  const room = options.width === undefined ? Number.POSITIVE_INFINITY : Math.max(MINIMUM, options.width - before);
  for (const row of cells) table.push([...row.slice(0, -1), cut(row.at(-1) ?? "", room)]);
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

/** Fewer columns than this say nothing: then the line may as well wrap. */
const MINIMUM = 12;

function lengthOf(cell: string | undefined): number {
  return stripVTControlCharacters(cell ?? "").length;
}

/** A cell without colours, cut to a width. */
function cut(cell: string, width: number): string {
  return lengthOf(cell) <= width ? cell : `${stripVTControlCharacters(cell).slice(0, width - 1)}…`;
}
