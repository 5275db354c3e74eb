import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import pLimit from "p-limit";
import { messageOf } from "../../error.ts";
import type { Emit } from "../../events.ts";
import type { InstanceAccess } from "../../redis/types.ts";
import { mastersOf } from "../fix.ts";
import { type ClusterLook, lookAtCluster, lookWhenReady } from "../look.ts";
import { type LiveNode, ownSlots } from "../topology.ts";
import type { ClusterMember } from "../types.ts";
import { checkRdb } from "./check-rdb.ts";
import { badBackup, folderTaken, movedMeanwhile, notWritten } from "./errors.ts";
import { changesBetween, formatManifest, MANIFEST, type Manifest, type ManifestMaster, type SlotMap } from "./manifest.ts";
import { writeSnapshot } from "./snapshot.ts";

export interface BackupOptions {
  readonly emit: Emit;
  /** Ends it; nothing is left of it then. */
  readonly signal?: AbortSignal | undefined;
  /** What the manifest calls the cluster: its lab, or the node by which it was found. */
  readonly cluster: string;
  readonly now: () => Date;
  /** How often it is tried where slots or roles change meanwhile. @default 3 */
  readonly attempts?: number;
  /** Masters that send at the same time: each forks for it. @default 2 */
  readonly atOnce?: number;
}

export interface BackupReport {
  /** Absolute. */
  readonly folder: string;
  readonly manifest: Manifest;
  readonly bytes: number;
  readonly seconds: number;
}

/**
 * Writes an RDB of every master that owns slots into a new folder, with a manifest. The folder appears under its name when it is complete and checked; until then it is called
 * `FOLDER.incomplete-…`. Each file is of one moment, the files together are not.
 *
 * @throws LabError `cluster.backup-folder`, `cluster.not-ready`, `cluster.snapshot-failed`, `cluster.backup-not-written`, `cluster.changed-meanwhile`
 */
export async function backupCluster(
  given: string,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: BackupOptions,
): Promise<BackupReport> {
  const begin = performance.now();
  const begun = options.now();
  const folder = resolve(given);
  const work = await makeWorkFolder(folder);
  try {
    const { look, masters } = await takeFiles(work, members, access, options);
    const manifest: Manifest = {
      format: 1,
      cluster: options.cluster,
      begun: begun.toISOString(),
      ended: options.now().toISOString(),
      currentEpoch: Math.max(0, ...look.cluster.live.map(({ currentEpoch }) => currentEpoch)),
      masters: [...masters],
    };
    await complete(work, folder, manifest);
    return { folder, manifest, bytes: masters.reduce((sum, { bytes }) => sum + bytes, 0), seconds: (performance.now() - begin) / 1000 };
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    throw error;
  }
}

async function makeWorkFolder(folder: string): Promise<string> {
  const there = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw folderTaken(folder, messageOf(error));
  });
  if (there.length > 0) throw folderTaken(folder, "the folder is not empty");
  const work = `${folder}.incomplete-${randomBytes(4).toString("hex")}`;
  try {
    await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
    await mkdir(work, { mode: 0o700 });
    return work;
  } catch (error) {
    throw folderTaken(folder, messageOf(error));
  }
}

/** Files of all masters that belong together: none of them lost or got a slot meanwhile. */
async function takeFiles(
  work: string,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  { attempts = 3, ...options }: BackupOptions,
): Promise<{ readonly look: ClusterLook; readonly masters: readonly ManifestMaster[] }> {
  let changes: readonly string[] = [];
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const look = await lookWhenReady(members, access, { signal: options.signal });
    const limit = pLimit(options.atOnce ?? 2);
    const stop = new AbortController();
    const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
    const taking = holdersOf(look).map((node) => limit(() => takeFile(node, work, access, { ...options, signal })));
    const taken = await Promise.allSettled(
      taking.map((each) =>
        each.catch((error: unknown) => {
          // The others are in vain now.
          stop.abort(error);
          throw error;
        }),
      ),
    );
    options.signal?.throwIfAborted();
    changes = changesBetween(slotMapOf(look), slotMapOf(await lookAtCluster(members, access)));
    const failed = taken.find((each) => each.status === "rejected");
    if (changes.length === 0) {
      if (failed !== undefined) throw stop.signal.aborted ? stop.signal.reason : failed.reason;
      return { look, masters: taken.flatMap((each) => (each.status === "fulfilled" ? [each.value] : [])) };
    }
    options.emit({
      type: "notice",
      level: "warning",
      text: `The cluster changed while it was backed up (${changes.join("; ")}); attempt ${attempt} of ${attempts}.`,
    });
    for (const name of await readdir(work)) await rm(join(work, name), { force: true });
  }
  throw movedMeanwhile(changes, attempts);
}

function holdersOf({ cluster }: ClusterLook): readonly LiveNode[] {
  return mastersOf(cluster).filter((node) => ownSlots(node).length > 0);
}

function slotMapOf(look: ClusterLook): SlotMap {
  return new Map(
    holdersOf(look).map((node) => [
      node.nodeId,
      {
        instance: node.id,
        configEpoch: node.self.configEpoch,
        slots: ownSlots(node),
        open: node.self.migrating.size + node.self.importing.size,
      },
    ]),
  );
}

async function takeFile(node: LiveNode, work: string, access: InstanceAccess, { emit, signal }: BackupOptions): Promise<ManifestMaster> {
  signal?.throwIfAborted();
  const file = `${node.id.replaceAll(/[^\w.-]/g, "-").replace(/^[.-]+/, "")}-${node.nodeId.slice(0, 8)}.rdb`;
  const path = join(work, file);
  const told = { at: performance.now() };
  const snapshot = await writeSnapshot(await access.stream(node.id), path, {
    instance: node.id,
    signal,
    onBytes: (bytes) => {
      if (performance.now() - told.at < 200) return;
      told.at = performance.now();
      emit({ type: "progress", host: node.member.host, step: "backup", detail: `${node.id}: ${(bytes / 1e6).toFixed(1)} MB` });
    },
  });
  const { faults, head } = await checkRdb(path);
  if (faults.length > 0 || head === undefined) throw badBackup(path, faults);
  return {
    instance: node.id,
    nodeId: node.nodeId,
    version: node.version,
    configEpoch: node.self.configEpoch,
    slots: [...ownSlots(node)],
    file,
    ...snapshot,
    rdbVersion: head.version,
    ...(head.keys !== undefined && { keys: head.keys }),
    ...(head.mortal !== undefined && { mortal: head.mortal }),
  };
}

/** The manifest, everything on disk, and only then the name. */
async function complete(work: string, folder: string, manifest: Manifest): Promise<void> {
  try {
    await writeFile(join(work, MANIFEST), formatManifest(manifest), { mode: 0o600, flag: "wx", flush: true });
    await flushFolder(work);
    await rename(work, folder);
    await flushFolder(dirname(folder));
  } catch (error) {
    throw notWritten(join(folder, basename(MANIFEST)), messageOf(error));
  }
}

async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
