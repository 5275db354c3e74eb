import { beforeStartOf } from "../lab/before-start.ts";
import { layoutRow } from "../lab/layouts.ts";
import { type PlacedHost, type PlacedInstance, type Placement, placedInstances, takesPassword } from "../lab/placement.ts";
import { workingFolder } from "./folders.ts";
import type { RenderedFile } from "./rendered-file.ts";
import { renderTemplate } from "./template.ts";

/** Longest wait for copies that give no answer, in seconds: a unit that failed is started again after five, and hosts that lost their power together do not boot in step. */
const PATIENCE_S = 15;
/** Longest wait for a copy that loads its data, or that can't be made the master, in seconds. Below TimeoutStartSec of the unit, which includes the start itself. */
const LONGEST_S = 240;

/** The script of a redis-server; nothing for a sentinel. It holds no secret: it reads the password from the configuration of its instance. */
export function renderBeforeStart(placement: Placement, host: PlacedHost, instance: PlacedInstance): readonly RenderedFile[] {
  const files = beforeStartOf(host, instance);
  if (files === undefined) return [];
  const { lab } = placement;
  const { copies, failoverOverdueMs } = layoutRow(lab.layout).restart(lab, instance.id);
  const data = workingFolder(host, instance);
  const { port } = instance;
  // Where sentinels watch, they would make any replica the master meanwhile, be its data old or new.
  const monitors = layoutRow(lab.layout).monitors(lab);
  const monitor = "monitor" in instance.role ? instance.role.monitor : undefined;
  const addresses = (ids: readonly string[]) =>
    ids
      .flatMap((id) => placedInstances(placement).flatMap((other) => (other.id === id ? [`${other.address}:${other.port}`] : [])))
      .join(" ");
  const content = renderTemplate("before-start.sh", {
    lab: lab.name,
    instance: instance.id,
    conf: quoted(instance.configFile),
    data: quoted(data),
    pid: quoted(instance.pidFile),
    mark: quoted(files.mark),
    note: quoted(files.note),
    logFile: quoted(instance.logFile),
    cli: quoted(`${host.paths.bin}/${placement.version.product.programs.cli}`),
    dump: quoted(`${data}/dump-${port}.rdb`),
    aof: quoted(`${data}/appendonly-${port}.aof`),
    nodes: quoted(`${data}/nodes-${port}.conf`),
    sentinels: monitor === undefined ? "" : quoted(addresses(layoutRow(lab.layout).sentinels(lab))),
    monitor: quoted(monitor ?? ""),
    sentinelPassword: takesPassword(placement, "sentinel"),
    own: quoted(`${instance.address}:${port}`),
    cluster: copies === "nodes-file",
    sharesComputer: placement.capabilities.network === "computer",
    copies: quoted(copies === "nodes-file" ? "" : addresses(copies)),
    overdue: Math.ceil(failoverOverdueMs / 1000),
    patience: Math.min(PATIENCE_S, ...monitors.map(({ downAfterMs }) => Math.max(2, Math.floor(downAfterMs / 1000) - 2))),
    longest: LONGEST_S,
  });
  return [{ path: files.script, content, mode: 0o640, owner: "redis", kind: "whole", step: "files", instance: instance.id }];
}

/** One word of POSIX sh. Templates know no quoting, as each is another language. */
function quoted(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
