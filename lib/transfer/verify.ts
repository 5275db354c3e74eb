import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileNotRead, isAbsent } from "../base/errors.ts";
import type { Emit } from "../base/events.ts";
import { eachSlot, formatRanges, keySlot, rangesWhere } from "../cluster/model/slots.ts";
import type { RedisClient } from "../redis/types.ts";
import { checkRdb } from "./check-rdb.ts";
import { badBackup, noBackup } from "./errors.ts";
import { MANIFEST, type Manifest, type ManifestMaster, manifestFaults, parseManifest } from "./manifest.ts";
import { scanPages } from "./read.ts";
import { startTemporaryServer } from "./temporary-server.ts";

/** What a check of a backup gave. */
export interface BackupCheck {
  /** Absolute. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** Sentences; none where all is as it was when it was backed up. */
  readonly findings: readonly string[];
  /** What a server found in each file; none without a deep check. */
  readonly loaded: readonly LoadedFile[];
}

export interface LoadedFile {
  readonly file: string;
  readonly keys: number;
  readonly slotsWithKeys: number;
}

export interface VerifyOptions {
  /** Load each file into a server of this computer, and count its keys by slot. */
  readonly deep?: { readonly serverBinary: string; readonly emit: Emit };
  readonly signal?: AbortSignal | undefined;
}

/**
 * Checks a backup: every file there, of the length and digest in its manifest, beginning and ending as an RDB does, and no slot left out.
 *
 * @throws LabError `cluster.no-backup` where there is no manifest that could be checked against
 */
export async function verifyBackup(given: string, options: VerifyOptions = {}): Promise<BackupCheck> {
  const folder = resolve(given);
  const manifest = await readManifest(folder);
  const findings = [...manifestFaults(manifest)];
  const loaded: LoadedFile[] = [];
  for (const master of manifest.masters) {
    options.signal?.throwIfAborted();
    const faults = await fileFaults(folder, master);
    findings.push(...faults.map((fault) => `${master.file}: ${fault}`));
    if (faults.length > 0 || options.deep === undefined) continue;
    const deep = await loadFile(folder, master, options.deep, options.signal);
    findings.push(...deep.faults.map((fault) => `${master.file}: ${fault}`));
    if (deep.loaded !== undefined) loaded.push(deep.loaded);
  }
  return { folder, manifest, findings, loaded };
}

/** @throws LabError `cluster.no-backup`, `cluster.bad-backup` */
export async function soundBackup(given: string, signal?: AbortSignal): Promise<BackupCheck> {
  const check = await verifyBackup(given, { signal });
  if (check.findings.length > 0) throw badBackup(check.folder, check.findings);
  return check;
}

async function readManifest(folder: string): Promise<Manifest> {
  const text = await readFile(join(folder, MANIFEST), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (!isAbsent(error)) throw fileNotRead(join(folder, MANIFEST), error);
    throw noBackup(folder, `it has no ${MANIFEST}`);
  });
  return parseManifest(text, folder);
}

async function fileFaults(folder: string, { file, bytes, sha256, rdbVersion }: ManifestMaster): Promise<readonly string[]> {
  const path = join(folder, file);
  const found = await stat(path).catch((error: unknown) => {
    if (!isAbsent(error)) throw fileNotRead(path, error);
    return undefined;
  });
  if (found === undefined) return ["It is missing."];
  if (found.size !== bytes) return [`It has ${found.size} bytes, and had ${bytes} when it was backed up.`];
  const { head, faults } = await checkRdb(path);
  if (faults.length > 0) return faults;
  if (head?.version !== rdbVersion) return [`It is of RDB version ${head?.version}, and was of ${rdbVersion} when it was backed up.`];
  return (await digestOf(path)) === sha256 ? [] : ["It was changed since it was backed up (SHA-256)."];
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest("hex");
}

async function loadFile(
  folder: string,
  master: ManifestMaster,
  { serverBinary, emit }: NonNullable<VerifyOptions["deep"]>,
  signal: AbortSignal | undefined,
): Promise<{ readonly faults: readonly string[]; readonly loaded?: LoadedFile }> {
  const data = { kind: "rdb", path: join(folder, master.file) } as const;
  const server = await startTemporaryServer({ serverBinary, data, emit, signal });
  try {
    const counts = await countBySlot(server.client, signal);
    const keys = [...counts.values()].reduce((sum, count) => sum + count, 0);
    return { faults: countFaults(master, counts), loaded: { file: master.file, keys, slotsWithKeys: counts.size } };
  } finally {
    await server.close();
  }
}

async function countBySlot(client: RedisClient, signal: AbortSignal | undefined): Promise<ReadonlyMap<number, number>> {
  const counts = new Map<number, number>();
  for await (const page of scanPages(client)) {
    signal?.throwIfAborted();
    for (const key of page) {
      const slot = keySlot(key);
      counts.set(slot, (counts.get(slot) ?? 0) + 1);
    }
  }
  return counts;
}

/** What the keys of a file tell against its manifest. Keys whose life has ended since are not loaded. Pure. */
export function countFaults({ keys, mortal, slots }: ManifestMaster, counts: ReadonlyMap<number, number>): readonly string[] {
  const own = new Set(eachSlot(slots));
  const foreign = rangesWhere((slot) => counts.has(slot) && !own.has(slot));
  const found = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return [
    ...(foreign.length > 0 ? [`It has keys of the slots ${formatRanges(foreign)}, which its master did not own.`] : []),
    ...(keys !== undefined && found > keys ? [`It has ${found} keys, more than the ${keys} of its header.`] : []),
    ...(keys !== undefined && found < keys - (mortal ?? 0)
      ? [`It has ${found} keys, less than the ${keys} of its header (${mortal ?? 0} of them mortal).`]
      : []),
  ];
}
