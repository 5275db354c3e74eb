import { mkdir } from "node:fs/promises";
import { cacheFolder } from "../base/cache-folder.ts";
import type { Emit } from "../base/events.ts";
import { plainEnvironment, runProgram } from "../base/process.ts";
import { buildArtifact, makeFlags, planBuilds } from "../bootstrap/build.ts";
import { observeHost } from "../bootstrap/observe.ts";
import { type ResolvedSource, resolveSource } from "../bootstrap/source.ts";
import { openLocalConnection } from "../connection/local.ts";
import { placeLab } from "../lab/placement.ts";
import type { Lab } from "../lab/schema.ts";
import { DEFAULT_TARGET, TARGETS } from "../lab/targets.ts";

/** A Redis that was compiled on this computer, and from what. */
export interface LocalBuild {
  /** Folder with redis-server. */
  readonly bin: string;
  readonly source: ResolvedSource;
}

/**
 * The Redis that `up LAB --target local` would run, unpacked into a folder: what the tests run against.
 *
 * @param folder absolute; is made
 * @throws LabError `source.*`, `bootstrap.*`
 */
export async function ensureLocalBuild(lab: Lab, folder: string, emit: Emit, signal?: AbortSignal): Promise<LocalBuild> {
  const cache = cacheFolder();
  const source = await resolveSource(lab, { capabilities: TARGETS[DEFAULT_TARGET], cacheFolder: cache, emit, signal });
  const placement = placeLab(lab, { target: DEFAULT_TARGET, hostsFolder: `${folder}/hosts`, version: source.version });
  const [host] = placement.hosts;
  if (host === undefined) throw new Error("a lab has at least one host");
  const connection = openLocalConnection(host.name, { signal });
  try {
    const [group] = await planBuilds([await observeHost(connection, placement, host)], placement, source, cache);
    if (group === undefined) throw new Error("one host makes one group");
    const artifact =
      group.cached ??
      (await buildArtifact(connection, { key: group.key, source, flags: makeFlags(placement), cacheFolder: cache, emit, signal }));
    await mkdir(folder, { recursive: true });
    const unpacked = await runProgram("tar", ["-xzf", artifact.path, "-C", folder], { environment: plainEnvironment(), signal });
    if (unpacked.exitCode !== 0) throw new Error(`${artifact.path} cannot be unpacked: ${unpacked.failure?.text ?? unpacked.stderr}`);
    return { bin: folder, source };
  } finally {
    await connection.close();
  }
}
