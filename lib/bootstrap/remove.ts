import type { Connection } from "../connection/connection.ts";
import { raw, sh } from "../connection/quote.ts";
import type { PlacedHost, PlacedInstance, Placement } from "../lab/placement.ts";
import { removeBlock } from "../render/block.ts";
import { workingFolder } from "../render/folders.ts";
import { commandFailed, notOurProcess } from "./errors.ts";
import type { HostFacts } from "./facts.ts";
import { buildsFolder, commandLinks, memoryFolder, originalOf, restartMark, startRecord } from "./host-paths.ts";
import { type HostWanted, wantedOf } from "./wanted.ts";

export interface RemoveOptions {
  /** Keep the programs and what the system was given (user, units, kernel settings, links): for `rebuild`. @default false */
  readonly keepBuild?: boolean;
}

/**
 * Removes what redis-lab made on a host, and nothing else: data, configurations, logs; then units, links, blocks, the sysctl file and the programs. The user, packages
 * and package sources stay. Folders that were there before redis-lab lose only the files of the lab's instances. Instances must be stopped.
 *
 * @returns what was removed, one line each
 * @throws LabError `bootstrap.not-our-process` while an instance runs, `bootstrap.command-failed`
 */
export async function removeHost(
  connection: Connection,
  facts: HostFacts,
  placement: Placement,
  host: PlacedHost,
  options: RemoveOptions = {},
): Promise<readonly string[]> {
  const running = host.instances.find(({ id }) => facts.instances.get(id)?.process !== undefined);
  if (running !== undefined) throw notOurProcess(running.id, "it still runs; its data is not removed under it.");
  const removed: string[] = [];
  const run = async (script: string, title: string) => {
    const result = await connection.run(script, { title, root: true, timeoutMs: 300_000 });
    if (result.exitCode !== 0) throw commandFailed(connection.host, "remove", result);
  };

  const { paths } = host;
  const made = new Set(facts.applied.folders);
  const state = [paths.data, paths.logs, paths.run, paths.etc].filter((folder) => facts.paths.has(folder));
  const whole = state.filter((folder) => made.has(folder));
  const shared = state.filter((folder) => !made.has(folder));
  const patterns = host.instances.flatMap((instance) => instanceFiles(host, instance));
  const own = patterns.filter(({ folder }) => shared.some((name) => folder === name || folder.startsWith(`${name}/`)));
  const script = [
    ...whole.map((folder) => sh`rm -rf -- ${folder}`),
    ...own.map(({ folder, name }) => sh`find ${folder} -maxdepth 1 -name ${name} -exec rm -rf {} + 2>/dev/null || :`),
    ...host.instances.map((instance) => sh`rm -f -- ${startRecord(paths, instance)} ${restartMark(paths, instance)}`),
  ];
  if (!options.keepBuild && placement.capabilities.managesHost) await removeFromSystem(connection, facts, placement, host, run, removed);
  if (script.length > 0) await run(script.join("\n"), "remove data");
  removed.push(...whole, ...own.map(({ folder, name }) => `${folder}/${name}`));
  if (options.keepBuild) return removed;

  const bin = facts.paths.get(paths.bin)?.target?.startsWith("builds/") ? [paths.bin] : [];
  // The memory bears our name; the others are ours when we made them.
  const rest = [...bin, ...[buildsFolder(paths)].filter((folder) => made.has(folder)), memoryFolder(paths)];
  const above = [...made].filter((folder) => paths.prefix.startsWith(`${folder}/`)).sort((a, b) => b.length - a.length);
  await run(
    // Local hosts have the upper folders in common: another one may remove them between the look and the removal.
    sh`rm -rf -- ${rest}; for d in ${[paths.prefix, ...above]}; do if [ -d "$d" ]; then rmdir --ignore-fail-on-non-empty -- "$d" || [ ! -d "$d" ] || exit 1; fi; done`,
    "remove the programs",
  );
  return [...removed, ...rest];
}

/** Files of an instance by folder and name pattern; what Redis itself makes has the port in its name. */
function instanceFiles(host: PlacedHost, instance: PlacedInstance): readonly { readonly folder: string; readonly name: string }[] {
  const { port, kind } = instance;
  const at = (path: string) => ({ folder: path.slice(0, path.lastIndexOf("/")), name: path.slice(path.lastIndexOf("/") + 1) });
  const folder = workingFolder(host, instance);
  const data =
    kind === "sentinel"
      ? [at(folder)]
      : [`dump-${port}.rdb`, `nodes-${port}.conf`, `appendonly-${port}.aof*`, `temp-*-${port}.*`].map((name) => ({ folder, name }));
  return [at(instance.configFile), at(instance.logFile), at(instance.pidFile), ...data];
}

async function removeFromSystem(
  connection: Connection,
  facts: HostFacts,
  placement: Placement,
  host: PlacedHost,
  run: (script: string, title: string) => Promise<void>,
  removed: string[],
): Promise<void> {
  const wanted: HostWanted = wantedOf(placement, host, facts, { password: "x", generation: "x" }, undefined);
  const present = wanted.files.filter(({ path }) => facts.paths.has(path));
  const ours = (path: string) => (facts.files.get(path) ?? "").includes("redis-lab");
  const units = present.filter(({ step, path }) => step === "units" && ours(path)).map(({ path }) => path);
  if (units.length > 0) {
    const names = units.map((path) => path.slice(path.lastIndexOf("/") + 1));
    await run(sh`systemctl --quiet disable ${names} 2>/dev/null; ${giveBack(units)}; systemctl daemon-reload`, "remove the units");
  }
  const whole = present.filter(({ step, path }) => step === "sysctl" && ours(path)).map(({ path }) => path);
  const links = [...commandLinks(host.paths)].filter(([link, target]) => facts.paths.get(link)?.target === target).map(([link]) => link);
  if (whole.length + links.length > 0) await run(sh`rm -f -- ${links}; ${giveBack(whole)}`, "remove links and settings");
  removed.push(...units, ...whole, ...links);
  for (const { path } of present.filter(({ kind }) => kind === "block")) {
    const text = (await connection.readFile(path))?.toString("utf8");
    const fact = facts.paths.get(path);
    if (text === undefined || fact === undefined) continue;
    const rest = removeBlock(text, placement.lab.name);
    if (rest === text) continue;
    // A script that held nothing but our block was ours.
    if (/^(#!.*\n)?\s*$/.test(rest)) await run(sh`rm -f -- ${path}`, "remove a file");
    else await connection.writeFile(path, rest, { mode: fact.mode, owner: `${fact.owner}:${fact.group}` });
    // Whatever else was written into it since stays; a copy that says nothing more goes.
    const copy = originalOf(path);
    await run(sh`if cmp -s -- ${path} ${copy}; then rm -f -- ${copy}; fi`, "remove the copy of the original");
    removed.push(`the block of ${placement.lab.name} in ${path}`);
  }
}

/** Removes files of ours; where one took the place of somebody else's, that one comes back. */
function giveBack(files: readonly string[]) {
  const each = files.map((path) => sh`if [ -e ${originalOf(path)} ]; then mv -f -- ${originalOf(path)} ${path}; else rm -f -- ${path}; fi`);
  return raw(each.length === 0 ? ":" : each.join("; "));
}
