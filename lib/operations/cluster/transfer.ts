import { lookup } from "node:dns/promises";
import { rm, stat } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { temporaryFolder } from "../../base/temporary-folder.ts";
import { observeClusterView } from "../../cluster/model/view.ts";
import type { Throttle } from "../../cluster/move/types.ts";
import { cannotDial } from "../../connection/errors.ts";
import { assertNoStranger } from "../../connection/socket-owner.ts";
import { dialDirectly } from "../../connection/sockets.ts";
import { productOf } from "../../lab/product.ts";
import type { Dial, RedisClient } from "../../redis/types.ts";
import { type BackupReport, backupCluster } from "../../transfer/backup.ts";
import { importKeys } from "../../transfer/import.ts";
import { importFile } from "../../transfer/import-file.ts";
import { type RestoreReport, restoreBackup } from "../../transfer/restore.ts";
import { openSource } from "../../transfer/source.ts";
import type { ImportOptions, ImportReport } from "../../transfer/types.ts";
import { type BackupCheck, verifyBackup } from "../../transfer/verify.ts";
import { ensureLocalBuild } from "../local-build.ts";
import { badSource } from "./errors.ts";
import { type ClusterOptions, type ClusterSession, withCluster, withClusterLocked } from "./session.ts";

export interface ImportRequest
  extends ClusterOptions,
    Pick<ImportOptions, "mode" | "conflict" | "databases" | "clusterSource" | "throttle"> {
  /** `HOST:PORT` of a server, or the path of an RDB or AOF file. */
  readonly from: string;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** A redis-server of this computer for files. @default the lab's own, compiled here */
  readonly server?: string | undefined;
}

/** Time for a connection to the source, in milliseconds. */
const DIAL_TIMEOUT_MS = 10_000;

/** Brings the keys of another server, or of a file, into the cluster. @throws LabError `operations.bad-source`, and those of `importKeys` and `importFile` */
export async function importInto(options: ImportRequest): Promise<ImportReport> {
  return withClusterLocked(options, "import", async (cluster) => {
    const { session, known } = cluster;
    const { members } = await observeClusterView(known, session.access);
    const { mode, conflict, databases, clusterSource, throttle } = options;
    const common = {
      emit: session.emit,
      signal: session.signal,
      mode,
      conflict,
      databases,
      throttle,
    };
    const path = await stat(options.from).then(
      () => options.from,
      () => undefined,
    );
    if (path !== undefined)
      return withServer(cluster, options.server, (serverBinary) => importFile(path, members, session.access, { ...common, serverBinary }));
    const endpoint = { ...(await endpointOf(options.from)), user: options.user, password: options.password };
    const dial = dialWith(options.password);
    const source = await openSource(endpoint, dial, session.signal);
    let sourceProbe: RedisClient | undefined;
    try {
      if (throttle?.maxLatencyMs !== undefined) sourceProbe = await openSource(endpoint, dial, session.signal);
      return await importKeys(source, members, session.access, {
        ...common,
        clusterSource,
        sourceProbe,
      });
    } finally {
      source.close();
      sourceProbe?.close();
    }
  });
}

/** Writes a backup of the running cluster into a new folder. */
export async function backUp(options: ClusterOptions & { readonly folder: string }): Promise<BackupReport> {
  return withClusterLocked(options, "backup", async ({ session, known, now }) => {
    const { members } = await observeClusterView(known, session.access);
    return backupCluster(options.folder, members, session.access, {
      emit: session.emit,
      signal: session.signal,
      cluster: session.lab.name,
      now,
    });
  });
}

/** Checks a backup, by loading it where `deep` asks for it. */
export async function checkBackup(
  options: ClusterOptions & { readonly folder: string; readonly deep: boolean; readonly server?: string | undefined },
): Promise<BackupCheck> {
  const { folder, deep, signal, emit } = options;
  if (!deep) return verifyBackup(folder, { signal });
  return withCluster(options, (cluster) =>
    withServer(cluster, options.server, (serverBinary) => verifyBackup(folder, { signal, deep: { serverBinary, emit } })),
  );
}

/** Brings the keys of a backup into the cluster, whatever its number of masters. */
export async function restore(
  options: ClusterOptions & {
    readonly folder: string;
    readonly replace: boolean;
    readonly throttle?: Throttle | undefined;
    readonly sample?: number | "all" | undefined;
    readonly server?: string | undefined;
  },
): Promise<RestoreReport> {
  return withClusterLocked(options, "restore", async (cluster) => {
    const { session, known } = cluster;
    const { members } = await observeClusterView(known, session.access);
    return withServer(cluster, options.server, (serverBinary) =>
      restoreBackup(options.folder, members, session.access, {
        emit: session.emit,
        signal: session.signal,
        serverBinary,
        conflict: options.replace ? "replace" : "keep",
        throttle: options.throttle,
        sample: options.sample,
      }),
    );
  });
}

/** A redis-server of this computer: the named one, or the one that `up LAB --target local` would run. */
async function withServer<T>(
  { session }: ClusterSession,
  server: string | undefined,
  work: (serverBinary: string) => Promise<T>,
): Promise<T> {
  if (server !== undefined) return work(server);
  const folder = await temporaryFolder("server");
  try {
    const { bin } = await ensureLocalBuild(session.lab, folder, session.emit, session.signal);
    return await work(join(bin, productOf(session.lab).programs.server));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const dialWith =
  (password: string | undefined): Dial =>
  async (address, port) => {
    const dialled = await dialDirectly(address, port, DIAL_TIMEOUT_MS);
    if ("failure" in dialled) throw cannotDial("this computer", `${address}:${port}`, dialled.failure, dialled.cause);
    if (password !== undefined) await assertNoStranger(dialled.socket, { address, port });
    return dialled.socket;
  };

/** A name is resolved here. */
async function endpointOf(from: string): Promise<{ readonly address: string; readonly port: number }> {
  const at = from.lastIndexOf(":");
  const [host, port] = [from.slice(0, at), Number(from.slice(at + 1))];
  if (at < 1 || !Number.isInteger(port) || port < 1 || port > 65_535) throw badSource(from, "it is neither a file nor HOST:PORT");
  if (isIP(host) !== 0) return { address: host, port };
  const found = await lookup(host).catch((error: NodeJS.ErrnoException) => {
    throw badSource(from, `${host} can't be resolved (${error.code ?? error.message})`);
  });
  return { address: found.address, port };
}
