import type { ClusterMember } from "../cluster/model/types.ts";
import type { InstanceAccess } from "../redis/types.ts";
import { inspectDataFile } from "./data-file.ts";
import { importKeys } from "./import.ts";
import { startTemporaryServer } from "./temporary-server.ts";
import type { ImportOptions, ImportReport } from "./types.ts";

export interface ImportFileOptions extends Omit<ImportOptions, "mode" | "clusterSource"> {
  /** A redis-server of this computer, at least as new as what wrote the file. */
  readonly serverBinary: string;
}

/**
 * Brings the keys of an RDB or AOF file into a cluster, by way of a server that loads it on this computer. The file is only read.
 *
 * @throws LabError `cluster.no-data-file`, `cluster.no-server`, `cluster.not-loaded`, and what `importKeys` throws
 */
export async function importFile(
  file: string,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  { serverBinary, ...options }: ImportFileOptions,
): Promise<ImportReport> {
  const data = await inspectDataFile(file);
  const server = await startTemporaryServer({ serverBinary, data, emit: options.emit, signal: options.signal });
  try {
    return await importKeys(server.client, members, access, { ...options, mode: "copy" });
  } finally {
    await server.close();
  }
}
