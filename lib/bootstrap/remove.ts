import type { Connection } from "../connection/connection.ts";
import { sh } from "../connection/quote.ts";
import { beforeStartOf } from "../lab/before-start.ts";
import type { PlacedHost, PlacedInstance, Placement } from "../lab/placement.ts";
import { PROGRAMS } from "../lab/programs.ts";
import { workingFolder } from "../render/folders.ts";
import { commandFailed, notOurProcess, otherLabHere, serversStillRun } from "./errors.ts";
import type { HostFacts } from "./facts.ts";
import { buildsFolder, memoryFolder, restartMark, startRecord } from "./host-paths.ts";
import { serversLeft } from "./own-servers.ts";
import { removeFromSystem } from "./remove-from-system.ts";

export interface RemoveOptions {
  /** Keep the programs and what the system was given (user, units, kernel settings, links): for `rebuild`. @default false */
  readonly keepBuild?: boolean;
}

/**
 * Removes what redis-lab made on a host, and nothing else: data, configurations, logs; then units, links, blocks, the sysctl file and the programs. The user, packages
 * and package sources stay. Folders that were there before redis-lab lose only the files of the lab's instances. Instances must be stopped.
 *
 * @returns what was removed, one line each
 * @throws LabError `bootstrap.not-our-process` and `bootstrap.servers-still-run` while a server of the host's builds runs, `bootstrap.other-lab`, `bootstrap.command-failed`
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
  const left = await serversLeft(connection, placement, host);
  if (left.length > 0) throw serversStillRun(host.name, left);
  const others = [...facts.labs].filter((lab) => lab !== placement.lab.name);
  if (others.length > 0) throw otherLabHere(host.name, others, host.paths.prefix);
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
  if (!options.keepBuild && placement.capabilities.managesHost)
    removed.push(...(await removeFromSystem(connection, facts, placement, host, run)));
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
  const data = PROGRAMS[kind].ownFolder
    ? [at(folder)]
    : [`dump-${port}.rdb`, `nodes-${port}.conf`, `appendonly-${port}.aof*`, `temp-*-${port}.*`].map((name) => ({ folder, name }));
  const beforeStart = Object.values(beforeStartOf(host, instance) ?? {}).map(at);
  const configFile = at(instance.configFile);
  // What a write of ours that was cut off left beside it holds the password as well (mktemp in connection/ssh-files.ts).
  const torn = { ...configFile, name: `.${configFile.name}.??????????` };
  return [configFile, torn, at(instance.logFile), at(instance.pidFile), ...beforeStart, ...data];
}
