import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { promisify } from "node:util";
import { buildArtifact, makeFlags, planBuilds } from "../bootstrap/build.ts";
import { cacheFolder } from "../bootstrap/cache.ts";
import { observeHost } from "../bootstrap/observe.ts";
import { type ResolvedSource, resolveSource } from "../bootstrap/source.ts";
import { openLocalConnection } from "../connection/local.ts";
import type { Emit } from "../events.ts";
import { placeLab } from "../lab/placement.ts";
import type { Lab } from "../lab/schema.ts";
import { TARGETS } from "../lab/targets.ts";

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
export async function ensureLocalBuild(lab: Lab, folder: string, emit: Emit): Promise<LocalBuild> {
  const cache = cacheFolder();
  const source = await resolveSource(lab, { capabilities: TARGETS.local, cacheFolder: cache, emit });
  const placement = placeLab(lab, { target: "local", hostsFolder: `${folder}/hosts`, version: source.version });
  const [host] = placement.hosts;
  if (host === undefined) throw new Error("a lab has at least one host");
  const connection = openLocalConnection(host.name);
  try {
    const [group] = await planBuilds([await observeHost(connection, placement, host)], placement, source, cache);
    if (group === undefined) throw new Error("one host makes one group");
    const artifact =
      group.cached ?? (await buildArtifact(connection, { key: group.key, source, flags: makeFlags(placement), cacheFolder: cache, emit }));
    await mkdir(folder, { recursive: true });
    await promisify(execFile)("tar", ["-xzf", artifact.path, "-C", folder]);
    return { bin: folder, source };
  } finally {
    await connection.close();
  }
}
