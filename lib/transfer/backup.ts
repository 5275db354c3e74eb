import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import pLimit from "p-limit";
import { makeFolder, replaceFile, syncFolder } from "../base/atomic.ts";
import { isLabError, messageOf } from "../base/error.ts";
import { fileNotRead, fileNotWritten, isAbsent } from "../base/errors.ts";
import type { Emit } from "../base/events.ts";
import { MARK, markOf } from "../base/process-identity.ts";
import { removeLeftovers } from "../base/temporary-folder.ts";
import { megabytes } from "../base/text.ts";
import { awaitReadyCluster } from "../cluster/findings/ready-cluster.ts";
import { type LiveNode, mastersOf, ownSlots } from "../cluster/model/topology.ts";
import type { ClusterMember } from "../cluster/model/types.ts";
import { type ClusterView, observeClusterView } from "../cluster/model/view.ts";
import type { InstanceAccess } from "../redis/types.ts";
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
  /** Of all files. */
  readonly bytes: number;
  /** How long it took. */
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
    const { view, masters } = await takeFiles(work, members, access, options);
    const manifest: Manifest = {
      format: 1,
      cluster: options.cluster,
      begun: begun.toISOString(),
      ended: options.now().toISOString(),
      currentEpoch: Math.max(0, ...view.cluster.live.map(({ currentEpoch }) => currentEpoch)),
      masters: [...masters],
    };
    await complete(work, folder, manifest);
    return { folder, manifest, bytes: masters.reduce((sum, { bytes }) => sum + bytes, 0), seconds: (performance.now() - begin) / 1000 };
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    throw error;
  }
}

/** What a backup is called that was broken off. It is no use without its manifest. */
const INCOMPLETE = new RegExp(`\\.incomplete-${MARK}-[0-9a-f]{8}$`);

async function makeWorkFolder(folder: string): Promise<string> {
  const there = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw isAbsent(error) ? folderTaken(folder, messageOf(error)) : fileNotRead(folder, error);
  });
  if (there.length > 0) throw folderTaken(folder, "the folder is not empty");
  const work = `${folder}.incomplete-${await markOf()}-${randomBytes(4).toString("hex")}`;
  try {
    await makeFolder(dirname(folder));
    await removeLeftovers(dirname(folder), INCOMPLETE);
    await mkdir(work, { mode: 0o700 });
    return work;
  } catch (error) {
    throw isLabError(error) ? error : isAbsent(error) ? folderTaken(folder, messageOf(error)) : fileNotWritten(work, error);
  }
}

/** Files of all masters that belong together: none of them lost or got a slot meanwhile. */
async function takeFiles(
  work: string,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  { attempts = 3, ...options }: BackupOptions,
): Promise<{ readonly view: ClusterView; readonly masters: readonly ManifestMaster[] }> {
  let changes: readonly string[] = [];
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const view = await awaitReadyCluster(members, access, { signal: options.signal });
    const limit = pLimit(options.atOnce ?? 2);
    const stop = new AbortController();
    const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
    const taking = holdersOf(view).map((node) => limit(() => takeFile(node, work, access, { ...options, signal })));
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
    changes = changesBetween(slotMapOf(view), slotMapOf(await observeClusterView(members, access)));
    const failed = taken.find((each) => each.status === "rejected");
    if (changes.length === 0) {
      if (failed !== undefined) throw stop.signal.aborted ? stop.signal.reason : failed.reason;
      return { view, masters: taken.flatMap((each) => (each.status === "fulfilled" ? [each.value] : [])) };
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

function holdersOf({ cluster }: ClusterView): readonly LiveNode[] {
  return mastersOf(cluster).filter((node) => ownSlots(node).length > 0);
}

function slotMapOf(view: ClusterView): SlotMap {
  return new Map(
    holdersOf(view).map((node) => [
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
  const reported = { at: performance.now() };
  const snapshot = await writeSnapshot(await access.stream(node.id), path, {
    instance: node.id,
    signal,
    onBytes: (bytes) => {
      if (performance.now() - reported.at < 200) return;
      reported.at = performance.now();
      emit({ type: "progress", host: node.member.host, step: "backup", detail: `${node.id}: ${megabytes(bytes)}` });
    },
  });
  const { faults, head } = await checkRdb(path);
  if (faults.length > 0 || head === undefined) throw badBackup(path, faults);
  return {
    instance: node.id,
    nodeId: node.nodeId,
    version: node.version.text,
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
    await replaceFile(join(work, MANIFEST), 0o600, (file) => file.writeFile(formatManifest(manifest)));
    await rename(work, folder);
    await syncFolder(dirname(folder));
  } catch (error) {
    throw notWritten(join(folder, basename(MANIFEST)), messageOf(error));
  }
}
