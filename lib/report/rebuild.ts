import type { RollingReport } from "../operations/vms/hardware.ts";
import type { RebuildReport } from "../operations/vms/rebuild.ts";
import { colours as pc } from "./colours.ts";
import { formatStatus } from "./status.ts";
import type { TableOptions } from "./table.ts";
import { formatUp } from "./up.ts";

/** New disks, and then what an `up` says. */
export function formatRebuild({ lab, target, renewed, failures, up }: RebuildReport, options: TableOptions): string {
  return [
    ...failures.map(({ host, error }) => `${pc.red("failed")}  ${host}: ${error}`),
    `${lab} on ${target}: ${renewed.length} VMs put back to their image`,
    ...(up === undefined ? [`Fix the hosts above and run the command again: redis-lab rebuild ${lab}`] : [formatUp(up, options)]),
  ].join("\n");
}

/** What each VM had and has now, and the state of the lab after it. */
export function formatRolling({ lab, target, changed, status }: RollingReport, options: TableOptions): string {
  if (changed.length === 0 && status === undefined) return `${lab} on ${target}: nothing to change, every VM has the declared hardware`;
  return [
    ...changed.map(
      ({ host, from, to }) =>
        `${pc.green("changed")}  ${host}: ${from.vcpus} CPUs, ${from.memoryMiB} MiB → ${to.vcpus} CPUs, ${to.memoryMiB} MiB`,
    ),
    "",
    ...(status === undefined ? [] : [formatStatus(status, options)]),
    `${changed.length} changed`,
  ].join("\n");
}
