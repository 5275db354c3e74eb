import type { Throttle } from "../cluster/move/types.ts";
import type { Lab } from "../lab/schema.ts";
import type { BackupReport } from "../transfer/backup.ts";
import type { RestoreReport } from "../transfer/restore.ts";
import type { ImportOptions, ImportReport } from "../transfer/types.ts";
import type { BackupCheck } from "../transfer/verify.ts";
import { type LabOptions, runOn } from "./options.ts";

// Keys in and out of a cluster, as functions. Their folders and files are of this computer, and relative ones count from the working folder.

/** A folder that `backup` made, or is to make. */
export interface BackupFolder extends LabOptions {
  readonly backup: string;
}

/** A redis-server of this computer that loads files. */
interface Server {
  /** @default the lab's own, compiled here */
  readonly server?: string | undefined;
}

/** An RDB of every master and a manifest, in a new folder. @throws LabError `cluster.backup-folder`, `cluster.not-ready`, `cluster.snapshot-failed`, `cluster.changed-meanwhile` */
export function backup(lab: Lab, options: BackupFolder): Promise<BackupReport> {
  return runOn(lab, options, async (engine) => {
    const { backUp } = await import("../operations/cluster/transfer.ts");
    return backUp({ ...engine, folder: options.backup });
  });
}

export interface CheckBackupOptions extends BackupFolder, Server {
  /** Loads each file into a server of this computer, and counts its keys. @default false */
  readonly load?: boolean | undefined;
}

/** Checks a backup: `findings` has a sentence for each thing that is not as it was when it was made. @throws LabError `cluster.no-backup` */
export function checkBackup(lab: Lab, options: CheckBackupOptions): Promise<BackupCheck> {
  const { backup: folder, load: deep = false, server } = options;
  return runOn(lab, options, async (engine) => {
    const transfer = await import("../operations/cluster/transfer.ts");
    return transfer.checkBackup({ ...engine, folder, deep, server });
  });
}

export interface RestoreBackupOptions extends BackupFolder, Server {
  /** Overwrites keys of the same name. @default false */
  readonly replace?: boolean | undefined;
  readonly throttle?: Throttle | undefined;
  /** How many keys of each file are compared afterwards. @default 1000 */
  readonly sample?: number | "all" | undefined;
}

/** Brings a backup into the cluster, of the same or another number of masters. */
export function restore(lab: Lab, options: RestoreBackupOptions): Promise<RestoreReport> {
  const { backup: folder, replace = false, throttle, sample, server } = options;
  return runOn(lab, options, async (engine) => {
    const transfer = await import("../operations/cluster/transfer.ts");
    return transfer.restore({ ...engine, folder, replace, throttle, sample, server });
  });
}

export interface ImportKeysOptions
  extends LabOptions,
    Server,
    Pick<ImportOptions, "conflict" | "databases" | "clusterSource" | "throttle"> {
  /** `HOST:PORT` of a server, or the path of an RDB or AOF file. */
  readonly from: string;
  /** `move` deletes a key at the source once the cluster has it. @default copy */
  readonly mode?: ImportOptions["mode"] | undefined;
  /** ACL user of the source, and its password. @default none */
  readonly user?: string | undefined;
  readonly password?: string | undefined;
}

/** Brings the keys of another server, or of a file, into the cluster; `left` has those that stayed, with the reason. @throws LabError `operations.bad-source`, `cluster.not-ready` */
export function importKeys(lab: Lab, options: ImportKeysOptions): Promise<ImportReport> {
  const { from, mode = "copy", conflict, databases, clusterSource, throttle, user, password, server } = options;
  return runOn(lab, options, async (engine) => {
    const { importInto } = await import("../operations/cluster/transfer.ts");
    return importInto({ ...engine, from, mode, conflict, databases, clusterSource, throttle, user, password, server });
  });
}
