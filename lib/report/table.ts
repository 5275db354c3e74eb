import { stripVTControlCharacters } from "node:util";
import CliTable from "cli-table3";
import { colours as pc } from "./colours.ts";
import { forTerminal, wantsColours } from "./print.ts";

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  /** What a cell says where the terminal is too narrow for all of it. */
  readonly short?: (row: Row) => string;
  /** Left out where the terminal is too narrow: it follows from other columns, or seldom matters. */
  readonly optional?: true;
  readonly align?: "left" | "right";
}

export interface TableOptions {
  readonly terminal: boolean;
  /** Columns of the terminal; no row gets longer. @default not cut */
  readonly width?: number | undefined;
}

const GAP = "  ";
/** Fewer columns than this say nothing: then the line may as well wrap. */
const NARROWEST = 8;

/** Columns with their texts. */
interface Grid {
  readonly titles: readonly string[];
  readonly aligns: readonly ("left" | "right")[];
  readonly cells: readonly (readonly string[])[];
}

/**
 * A table for people, aligned wherever it goes; machines have `--json`. On a terminal it has colours, node ids are shortened, empty columns are left out, and no row is longer than a line: cells say
 * their short form, optional columns go, and what is still too long is cut, the last column first, as the lines below a table say in full what stands there.
 */
export function formatTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[], options: TableOptions): string {
  const width = options.terminal ? (options.width ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
  const grid = options.terminal ? narrowed(rows, columns, width) : gridOf(rows, columns);
  const table = new CliTable({
    head: grid.titles.map((title) => (options.terminal ? pc.bold(title) : title)),
    colAligns: [...grid.aligns],
    colWidths: [...fitted(naturalWidths(grid), width)],
    chars: { ...NO_LINES, middle: GAP },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  for (const row of grid.cells) table.push([...row]);
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

const NO_LINES = {
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
};

/** The most that fits into a line without a cell being cut, or the least that there is. */
function narrowed<Row>(rows: readonly Row[], columns: readonly Column<Row>[], width: number): Grid {
  let shown = columns.filter(({ cell }) => rows.length === 0 || rows.some((row) => cell(row) !== ""));
  const fits = () => lineLength(naturalWidths(gridOf(rows, shown, shortIds))) <= width;
  if (!fits()) shown = shown.map((column) => ({ ...column, cell: column.short ?? column.cell }));
  while (!fits()) {
    const last = shown.findLastIndex(({ optional }) => optional === true);
    if (last === -1) break;
    shown = shown.toSpliced(last, 1);
  }
  return gridOf(rows, shown, shortIds);
}

function gridOf<Row>(rows: readonly Row[], columns: readonly Column<Row>[], change: (cell: string) => string = (cell) => cell): Grid {
  return {
    titles: columns.map(({ title }) => title),
    aligns: columns.map(({ align }) => align ?? "left"),
    cells: rows.map((row) => columns.map(({ cell }) => change(forTerminal(cell(row), wantsColours(process.stdout))))),
  };
}

function naturalWidths({ titles, cells }: Grid): readonly number[] {
  return titles.map((title, index) => Math.max(title.length, ...cells.map((row) => lengthOf(row[index] ?? ""))));
}

function lineLength(widths: readonly number[]): number {
  return widths.reduce((sum, each) => sum + each, GAP.length * (widths.length - 1));
}

/** Widths of columns that fit into a line, as long as none gets narrower than the least. */
function fitted(natural: readonly number[], width: number): readonly number[] {
  const widths = [...natural];
  while (lineLength(widths) > width) {
    const last = widths.length - 1;
    const widest = (widths[last] ?? 0) > NARROWEST ? last : widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= NARROWEST) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

/** Ids of 40 hexadecimal digits by their beginning, which every verb takes for the whole. */
function shortIds(text: string): string {
  return text.replace(/\b[0-9a-f]{40}\b/g, (id) => `${id.slice(0, 8)}…`);
}

function lengthOf(cell: string): number {
  return stripVTControlCharacters(cell).length;
}
