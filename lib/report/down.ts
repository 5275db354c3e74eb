import { plural } from "../base/text.ts";
import type { DownReport } from "../operations/down.ts";
import type { OrphansReport } from "../operations/local-orphans.ts";
import { colours as pc } from "./colours.ts";

export function formatDown({ lab, target, stopped, removed, failures }: DownReport): string {
  const things = removed.reduce((sum, { what }) => sum + what.length, 0);
  return [
    ...failures.map(({ host, error }) => `${pc.red("failed")}  ${host}: ${error}`),
    `${lab} on ${target}: ${stopped.length} stopped${things === 0 ? "" : `, ${things} files and folders removed`}`,
    ...(failures.length === 0 ? [] : [`Fix the hosts above and run the command again: redis-lab down ${lab}`]),
  ].join("\n");
}

export function formatOrphans({ lab, ended }: OrphansReport): string {
  if (ended.length === 0) return `${lab}: no process was lost sight of`;
  return [
    ...ended.map(
      ({ pid, host, title, saved }) =>
        `${host}: process ${pid} (${title}) ended${saved ? "" : "; its folder was gone, so nothing was saved"}`,
    ),
    `${lab}: ${plural(ended.length, "process", "processes")} ended`,
  ].join("\n");
}
