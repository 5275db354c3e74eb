import type { DownReport } from "../operations/down.ts";
import { colours as pc } from "./colours.ts";

export function formatDown({ lab, target, stopped, removed, failures }: DownReport): string {
  const things = removed.reduce((sum, { what }) => sum + what.length, 0);
  return [
    ...failures.map(({ host, error }) => `${pc.red("failed")}  ${host}: ${error}`),
    `${lab} on ${target}: ${stopped.length} stopped${things === 0 ? "" : `, ${things} files and folders removed`}`,
    ...(failures.length === 0 ? [] : [`Mend the hosts above and run the command again: redis-lab down ${lab}`]),
  ].join("\n");
}
