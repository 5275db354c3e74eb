import type { ListedDrill } from "../../operations/drill/fits.ts";
import { colours as pc } from "../colours.ts";
import type { FigureDocument } from "../documents.ts";
import { formatTable, type TableOptions } from "../table.ts";
import { wrapLines } from "../wrap.ts";

/** Drills that the lab can run, with what is expected; then the others with the reason. */
export function formatDrillList(drills: readonly ListedDrill[], options: TableOptions): string {
  const able = drills.filter(({ whyNot }) => whyNot === undefined);
  const others = drills.filter(({ whyNot }) => whyNot !== undefined);
  const width = options.width ?? 80;
  const lines = able.flatMap(({ name, about, own, expect, because }) => [
    `${pc.bold(name)}${own ? "  (of this project)" : ""}`,
    `    ${about}`,
    `    expected: ${expect}`,
    ...because.map((each) => `    because ${each}`),
  ]);
  return [
    ...lines,
    ...(others.length === 0 ? [] : ["", "Not for this lab:", ...others.map(({ name, whyNot }) => `    ${name}: ${whyNot}`)]),
  ]
    .map((line) => wrapLines(line, width))
    .join("\n");
}

export function formatMetrics(figures: readonly FigureDocument[], options: TableOptions): string {
  return formatTable(
    figures,
    [
      { title: "FIGURE", cell: ({ name }) => name },
      { title: "UNIT", cell: ({ unit }) => unit },
      { title: "WHAT IT IS", cell: ({ about }) => about },
    ],
    options,
  );
}
