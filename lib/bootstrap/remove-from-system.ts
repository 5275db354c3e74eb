import type { Connection } from "../connection/connection.ts";
import { raw, sh } from "../connection/quote.ts";
import type { PlacedHost, Placement } from "../lab/placement.ts";
import { removeBlock } from "../render/block.ts";
import { formerSysctlPaths, THP_FILE } from "../render/host-files.ts";
import { commandFailed } from "./errors.ts";
import type { HostFacts } from "./facts.ts";
import { commandLinks, originalOf } from "./host-paths.ts";
import { giveBack, theirFile } from "./managed-file.ts";
import { labOfFile } from "./ownership.ts";
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
  const settings = [
    ...wanted.files.filter(({ step }) => step === "sysctl" || step === "log-rotation").map(({ path }) => path),
    ...formerSysctlPaths(wanted.os),
  ].filter(ours);
  const links = [...commandLinks(host.paths, placement)]
    .filter(([link, target]) => facts.paths.get(link)?.target === target)
    .map(([link]) => link);
  if (settings.length + links.length > 0) await run(sh`rm -f -- ${links}; ${giveBack(settings)}`, "remove links and settings");
  const blocks = await removeBlocks(connection, facts, wanted, run);
  const kernel = restoreKernel(facts, wanted);
  if (kernel.length > 0) await run(kernel.join("\n"), "put kernel settings back");
  return [...units, ...settings, ...links, ...blocks];
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

async function removeBlocks(connection: Connection, facts: HostFacts, { files, placement }: HostWanted, run: Run): Promise<string[]> {
  const removed: string[] = [];
  for (const { path } of files.filter(({ kind, path: at }) => kind === "block" && facts.paths.has(at))) {
    const text = (await connection.readFile(path))?.toString("utf8");
    const theirs = await theirFile(connection, path, facts.paths.get(path));
    if (text === undefined || theirs === undefined) continue;
    const rest = removeBlock(text, placement.lab.name);
    if (rest === text) continue;
    // A script that held nothing but our block was ours.
    if (/^(#!.*\n)?\s*$/.test(rest)) await run(sh`rm -f -- ${path}`, "remove a file");
    else await connection.writeFile(theirs.path, rest, { mode: theirs.mode, owner: theirs.owner });
    // Whatever else was written into it since stays; a copy that says nothing more goes.
    const copy = originalOf(path);
    await run(sh`if cmp -s -- ${path} ${copy}; then rm -f -- ${copy}; fi`, "remove the copy of the original");
    removed.push(`the block of ${placement.lab.name} in ${path}`);
  }
  return removed;
}

/**
 * Scripts that give the running kernel the values that it had before the lab: where it still has the lab's (somebody may have set another since), and no other lab of the host wants it.
 * A container's are read-only; that is no failure.
 */
function restoreKernel(facts: HostFacts, { placement, os }: HostWanted): readonly string[] {
  const { sysctl, transparentHugepages } = placement.lab.os;
  return Object.entries(facts.applied.kernel).flatMap(([name, before]) => {
    const value = sh`printf '%s\n' ${before}`;
    if (name === THP_FILE) {
      if (facts.thp?.mode !== transparentHugepages) return [];
      return [sh`if ! grep -qs '^# BEGIN redis-lab ' ${os.rcLocal}; then ${raw(value)} > ${name}; fi 2>/dev/null || :`];
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
