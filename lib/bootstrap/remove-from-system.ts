import type { Connection } from "../connection/connection.ts";
import { raw, sh } from "../connection/quote.ts";
import type { PlacedHost, Placement } from "../lab/placement.ts";
import { formerSysctlPaths, sysctlPath, THP_FILE, thpUnitPath } from "../render/host-files.ts";
import { commandFailed } from "./errors.ts";
import type { HostFacts } from "./facts.ts";
import { commandLinks } from "./host-paths.ts";
import { giveBack } from "./managed-file.ts";
import { takeBlockOut } from "./own-block.ts";
import { labOfFile } from "./ownership.ts";
import { closePorts } from "./steps/firewall.ts";
import { removeThpUnit } from "./steps/thp.ts";
import { type HostWanted, wantedOf } from "./wanted.ts";

type Run = (script: string, title: string) => Promise<void>;

/** Removes what a lab gave to the system of a managed host: units, settings, links, its lines in files of others. Whatever another lab on the host has stays. @returns what was removed */
export async function removeFromSystem(
  connection: Connection,
  facts: HostFacts,
  placement: Placement,
  host: PlacedHost,
  run: Run,
): Promise<readonly string[]> {
  const wanted = wantedOf(placement, host, facts, { password: "x", generation: "x" }, undefined);
  const ours = (path: string) => facts.paths.has(path) && labOfFile(facts.files.get(path)) === placement.lab.name;
  const declared = wanted.files.filter(({ step, path }) => step === "units" && ours(path)).map(({ path }) => path);
  const units = [...new Set([...declared, ...(await formerUnits(connection, wanted))])];
  if (units.length > 0) {
    const names = units.filter((path) => path.endsWith(".service")).map(nameOf);
    const folders = [...new Set(units.filter((path) => !path.endsWith(".service")).map(folderOf))];
    const disable = names.length === 0 ? ":" : sh`systemctl --quiet disable ${names} 2>/dev/null`;
    const clear = folders.length === 0 ? ":" : sh`rmdir --ignore-fail-on-non-empty -- ${folders}`;
    await run(sh`${raw(disable)}; ${giveBack(units)}; ${raw(clear)}; systemctl daemon-reload`, "remove the units");
  }
  const thp = [thpUnitPath(wanted.os, placement.lab.name)].filter(ours);
  for (const path of thp) await run(removeThpUnit(path), "remove the unit of huge pages");
  const settings = [
    sysctlPath(wanted.os, placement.lab.name),
    ...wanted.files.filter(({ step }) => step === "log-rotation").map(({ path }) => path),
    ...formerSysctlPaths(wanted.os),
  ].filter(ours);
  const links = [...commandLinks(host.paths, placement)]
    .filter(([link, target]) => facts.paths.get(link)?.target === target)
    .map(([link]) => link);
  if (settings.length + links.length > 0) await run(sh`rm -f -- ${links}; ${giveBack(settings)}`, "remove links and settings");
  const blocks = await removeBlocks(connection, facts, wanted);
  const close = closePorts(facts);
  if (close !== undefined) await run(close, "close ports");
  const kernel = restoreKernel(facts, wanted);
  if (kernel.length > 0) await run(kernel.join("\n"), "put kernel settings back");
  return [...units, ...thp, ...settings, ...links, ...blocks];
}

/**
 * Units of instances that are declared no more, and their drop-ins. They bear the lab's marker and name its folder on this host: a lab of that name may be there twice, from two checkouts, with
 * folders of their own.
 */
async function formerUnits(connection: Connection, { os, placement, host }: HostWanted): Promise<readonly string[]> {
  const marker = `^# Managed by redis-lab: lab ${placement.lab.name}[,.]`;
  const script = sh`for unit in ${raw(os.unitFolder)}/*.service; do
  if [ ! -L "$unit" ] && grep -qs -- ${marker} "$unit" && grep -qsF -- ${`=${host.paths.prefix}/`} "$unit"; then
    printf '%s\\n' "$unit"
    grep -ls -- ${marker} "$unit".d/*.conf || :
  fi
done`;
  const result = await connection.run(script, { title: "look for units", root: true, look: true });
  if (result.exitCode !== 0) throw commandFailed(connection.host, "remove", result);
  return result.stdout.split("\n").filter((path) => path !== "");
}

async function removeBlocks(connection: Connection, facts: HostFacts, { files, os, placement }: HostWanted): Promise<string[]> {
  const { name } = placement.lab;
  const removed: string[] = [];
  // An earlier version, or an earlier choice of the lab, may have left lines in rc.local.
  const places = new Set([...files.filter(({ kind }) => kind === "block").map(({ path }) => path), os.rcLocal]);
  for (const path of [...places].filter((each) => facts.paths.has(each)))
    if (await takeBlockOut(connection, facts, path, name, "remove")) removed.push(`the block of ${name} in ${path}`);
  return removed;
}

/**
 * Scripts that give the running kernel the values that it had before the lab: where it still has the lab's (the administrator may have set another since), and no other lab of the host wants it.
 * A container's are read-only; that is not a failure.
 */
function restoreKernel(facts: HostFacts, { placement, os }: HostWanted): readonly string[] {
  const { sysctl, transparentHugepages } = placement.lab.os;
  return Object.entries(facts.applied.kernel).flatMap(([name, before]) => {
    const value = sh`printf '%s\n' ${before}`;
    if (name === THP_FILE) {
      if (facts.thp?.mode !== transparentHugepages) return [];
      // A unit of another lab sets them too; this lab's is gone by now.
      const others = sh`grep -qs '^# BEGIN redis-lab ' ${os.rcLocal} || grep -qs '^# Managed by redis-lab: ' ${raw(thpUnitPath(os, "*"))}`;
      return [sh`if ! { ${raw(others)}; }; then ${raw(value)} > ${name}; fi 2>/dev/null || :`];
    }
    if (facts.sysctl.get(name)?.value !== String(sysctl[name])) return [];
    const path = `/proc/sys/${name.replaceAll(".", "/")}`;
    return [sh`if ! grep -qsF -- ${name} ${os.sysctlFolder}/*redis-lab*.conf; then ${raw(value)} > ${path}; fi 2>/dev/null || :`];
  });
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
