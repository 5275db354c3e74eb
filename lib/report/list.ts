import { plural } from "../base/text.ts";
import type { ListedLab } from "../operations/list.ts";
import { colours as pc } from "./colours.ts";
import { type Column, formatTable, type TableOptions } from "./table.ts";

/** The labs as a table, and below it what there is to do. @param now for how long they are up or down */
export function formatList(labs: readonly ListedLab[], options: TableOptions & { readonly now: Date; readonly folders: boolean }): string {
  const columns: readonly Column<ListedLab>[] = [
    { title: "LAB", cell: ({ lab }) => lab },
    { title: "TARGET", cell: ({ target }) => target },
    { title: "STATE", cell: ({ state }) => (state === "up" ? pc.green(state) : state) },
    { title: "SINCE", cell: ({ since }) => (since === undefined ? "-" : ago(since, options.now)) },
    { title: "RUNNING", cell: runningOf },
    { title: "LAYOUT", cell: ({ layout }) => layout ?? "-", optional: true },
    { title: "VERSION", cell: ({ version }) => version ?? "-", optional: true },
    ...(options.folders ? [{ title: "FOLDER", cell: ({ folder }: ListedLab) => folder }] : []),
  ];
  const notes = labs.filter(({ note }) => note !== "").map(({ lab, target, note }) => `${lab} on ${target}: ${note}`);
  return [formatTable(labs, columns, options), ...(notes.length === 0 ? [] : ["", ...notes])].join("\n");
}

function runningOf({ running, instances, state }: ListedLab): string {
  if (running === undefined) return "-";
  const text = instances === undefined ? String(running) : `${running} of ${instances}`;
  return state === "up" && instances !== undefined && running < instances ? pc.red(text) : text;
}

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;

/** `3 hours ago`. */
export function ago(iso: string, now: Date): string {
  const seconds = Math.max(0, Math.round((now.getTime() - Date.parse(iso)) / 1000));
  if (!Number.isFinite(seconds)) return "-";
  const [unit, size] = UNITS.find(([, length]) => seconds >= length) ?? UNITS[3];
  return `${plural(Math.floor(seconds / size), unit)} ago`;
}
