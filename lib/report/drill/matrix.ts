import type { MatrixReport, MatrixRow } from "../../operations/drill/matrix.ts";
import { colours as pc } from "../colours.ts";
import { formatTable, type TableOptions } from "../table.ts";
import { figure, unitOf } from "./words.ts";

/** What safety costs, and what speed costs: a row for each combination, the worst of its runs where it counts, the median elsewhere. */
export function formatMatrix({ drill, lab, rows, interrupted }: MatrixReport, options: TableOptions): string {
  const names = [...new Set(rows.flatMap(({ settings }) => Object.keys(settings)))];
  const value =
    (name: string, which: "median" | "max") =>
    ({ figures }: MatrixRow) => {
      const found = figures[name];
      return found === undefined ? "?" : figure(found[which], unitOf(name));
    };
  return [
    `${drill} on ${lab}${interrupted ? ` ${pc.yellow("(interrupted)")}` : ""}`,
    "",
    formatTable<MatrixRow>(
      rows,
      [
        ...names.map((name) => ({ title: name.toUpperCase(), cell: ({ settings }: MatrixRow) => settings[name] ?? "-" })),
        { title: "LOST", align: "right", cell: value("lost", "max") },
        { title: "REFUSED", align: "right", cell: value("failed", "median") },
        { title: "GAP", align: "right", cell: value("gap", "median") },
        { title: "P50", align: "right", cell: value("p50-before", "median") },
        { title: "P99", align: "right", cell: value("p99-before", "median") },
        { title: "VERDICT", cell: ({ passed }) => (passed ? pc.green("passed") : pc.red("failed")) },
      ],
      options,
    ),
    "",
    "Lost: the worst run. Gap, and latencies before the fault: the median.",
  ].join("\n");
}
