import { join } from "node:path";
import type { ClusterMember } from "../cluster/model/types.ts";
import type { InstanceAccess } from "../redis/types.ts";
import { compareKeys } from "./compare-keys.ts";
import { targetNotEmpty } from "./errors.ts";
import { bringFunctions } from "./functions.ts";
import { importKeys } from "./import.ts";
import type { ManifestMaster } from "./manifest.ts";
import { Routes } from "./routes.ts";
import { startTemporaryServer } from "./temporary-server.ts";
import type { ImportOptions, ImportReport } from "./types.ts";
import { soundBackup } from "./verify.ts";

export interface RestoreOptions extends Omit<ImportOptions, "mode" | "clusterSource" | "databases"> {
  /** A redis-server of this computer, at least as new as what was backed up, and no newer than the cluster. */
  readonly serverBinary: string;
  /** How many keys of each file are compared afterwards, spread over all of them. @default 1000 */
  readonly sample?: number | "all" | undefined;
}

export interface RestoreReport {
  /** By file of the backup. */
  readonly files: ReadonlyMap<string, ImportReport>;
  /** Keys that were brought, or were there already. */
  readonly keys: number;
  /** Keys that the masters of the cluster have afterwards. */
  readonly found: number;
  /** How many keys were compared afterwards. */
  readonly compared: number;
  /** Sentences; none where the cluster has what the backup has. */
  readonly findings: readonly string[];
  /** How long it took. */
  readonly seconds: number;
}

/**
 * Restores a backup into a cluster, of the same or of another number of masters: each file is loaded by a server of this computer, and its keys go to the masters that own their slots
 * now. Compared afterwards.
 *
 * @throws LabError `cluster.no-backup`, `cluster.bad-backup`, `cluster.target-not-empty`, and what `startTemporaryServer` and `importKeys` throw
 */
export async function restoreBackup(
  given: string,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: RestoreOptions,
): Promise<RestoreReport> {
  const begin = performance.now();
  const { folder, manifest } = await soundBackup(given, options.signal);
  const before = await keysOf(members, access, options.signal);
  const holders = before.filter(({ keys }) => keys > 0);
  if (holders.length > 0 && options.conflict !== "replace") throw targetNotEmpty(holders.map(({ id, keys }) => `${id} ${keys}`));
  const files = new Map<string, ImportReport>();
  const findings: string[] = [];
  let compared = 0;
  for (const master of manifest.masters) {
    options.signal?.throwIfAborted();
    const restored = await restoreFile(folder, master, members, access, options);
    files.set(master.file, restored.report);
    findings.push(...restored.findings);
    compared += restored.compared;
  }
  const found = (await keysOf(members, access, options.signal)).reduce((sum, { keys }) => sum + keys, 0);
  const reports = [...files.values()];
  const keys = reports.reduce((sum, report) => sum + broughtBy(report), 0);
  const mortal = reports.reduce((sum, report) => sum + report.mortal, 0);
  findings.push(...countFindings({ keys, mortal, found, wasEmpty: holders.length === 0 }));
  return { files, keys, found, compared, findings, seconds: (performance.now() - begin) / 1000 };
}

/** SCAN may give a key twice, and it is counted twice then. */
function broughtBy({ counts, databases }: ImportReport): number {
  const there = databases.reduce((sum, { keys, imported }) => sum + (imported ? keys : 0), 0);
  return Math.min(counts.imported + counts.same, there);
}

/** What the number of keys tells. Some whose lives end may have gone meanwhile. Pure. */
export function countFindings(given: {
  readonly keys: number;
  readonly mortal: number;
  readonly found: number;
  readonly wasEmpty: boolean;
}): readonly string[] {
  const { keys, mortal, found, wasEmpty } = given;
  if (found < keys - mortal) return [`The cluster has ${found} keys, less than the ${keys} that were restored (${mortal} of them mortal).`];
  if (wasEmpty && found > keys)
    return [`The cluster has ${found} keys, more than the ${keys} that were restored: another client writes to it.`];
  return [];
}

async function restoreFile(
  folder: string,
  { file }: ManifestMaster,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  { serverBinary, sample = 1000, ...options }: RestoreOptions,
): Promise<{ readonly report: ImportReport; readonly compared: number; readonly findings: readonly string[] }> {
  const data = { kind: "rdb", path: join(folder, file) } as const;
  const server = await startTemporaryServer({ serverBinary, data, emit: options.emit, signal: options.signal });
  try {
    const report = await importKeys(server.client, members, access, { ...options, mode: "copy" });
    const routes = await Routes.open(members, access, options.signal);
    try {
      await bringFunctions(server.client, routes);
      const total = Number(await server.client.call(["DBSIZE"]));
      const every = sample === "all" ? 1 : Math.max(1, Math.ceil(total / sample));
      const { compared, differences } = await compareKeys(server.client, routes, every, options.signal);
      const left = report.counts.conflict + report.counts.refused;
      return {
        report,
        compared,
        findings: [
          ...(left > 0 ? [`${file}: ${left} keys were not restored.`] : []),
          ...differences.map((difference) => `${file}: ${difference}.`),
        ],
      };
    } finally {
      routes.close();
    }
  } finally {
    await server.close();
  }
}

/** Keys of each master that owns slots. */
async function keysOf(
  members: readonly ClusterMember[],
  access: InstanceAccess,
  signal: AbortSignal | undefined,
): Promise<readonly { readonly id: string; readonly keys: number }[]> {
  const routes = await Routes.open(members, access, signal);
  try {
    return await Promise.all(
      routes.masters.map(async (master) => ({
        id: master.member.id,
        keys: Number(await (await routes.connectionTo(master)).client.call(["DBSIZE"])),
      })),
    );
  } finally {
    routes.close();
  }
}
