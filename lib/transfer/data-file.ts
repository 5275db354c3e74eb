import { lstat, open, readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { messageOf } from "../base/error.ts";
import { fileNotRead, isAbsent } from "../base/errors.ts";
import { noDataFile } from "./errors.ts";
import { kindOf, type RdbHead, readRdbHead } from "./rdb-head.ts";

/** A file, or folder, with the data of a server. Paths are absolute. */
export type DataFile =
  | { readonly kind: "rdb" | "aof"; readonly path: string }
  /** A multi-part AOF of Redis 7.0 and later; `name` is what its manifest is called without `.manifest`, `parts` the files that it names. */
  | { readonly kind: "aof-folder"; readonly path: string; readonly name: string; readonly parts: readonly string[] };

/** How much of a file is read to see what it is, in bytes: functions and scripts may stand before the first key. */
const HEAD = 1 << 20;

/**
 * Looks what a file is.
 *
 * @throws LabError `cluster.no-data-file`
 */
export async function inspectDataFile(given: string): Promise<DataFile> {
  const path = resolve(given);
  const found = await stat(path).catch((error: unknown) => {
    throw isAbsent(error) ? noDataFile(path, messageOf(error)) : fileNotRead(path, error);
  });
  if (found.isDirectory()) return folderOf(path);
  if (!found.isFile()) throw noDataFile(path, "it is neither a file nor a folder");
  if (path.endsWith(".manifest")) return folderOf(dirname(path));
  if (/\.incr\.aof$/.test(path) && (await manifestsIn(dirname(path))).length > 0)
    throw noDataFile(path, `it is one part of several; name the folder ${dirname(path)}`);
  const kind = kindOf(await readHead(path));
  if (kind === undefined) throw noDataFile(path, found.size === 0 ? "it is empty" : "it begins neither as an RDB nor as an AOF");
  return { kind, path };
}

/** The beginning of an RDB file; undefined where it is none. */
export async function readHeadOf(path: string): Promise<RdbHead | undefined> {
  return readRdbHead(await readHead(path));
}

async function folderOf(path: string): Promise<DataFile> {
  const [manifest, another] = await manifestsIn(path);
  if (manifest === undefined) throw noDataFile(path, "the folder holds no manifest of a multi-part AOF");
  if (another !== undefined) throw noDataFile(path, `the folder holds several manifests, ${manifest} and ${another}`);
  const name = basename(manifest, ".manifest");
  // It becomes a word of a configuration file.
  if (!/^[\w.-]+$/.test(name)) throw noDataFile(join(path, manifest), "redis-lab takes letters, digits, dots and dashes in its name");
  return { kind: "aof-folder", path, name, parts: await partsOf(join(path, manifest)) };
}

/** Longest manifest, in bytes: a line for each part, of which a server keeps a few. */
const LONGEST_MANIFEST = 1 << 20;

/** The files that a manifest names: `file NAME seq NUMBER type b|h|i` (aof.c of 7.0, `aofLoadManifestFromFile`). Each is a file of the same folder, and no link out of it. */
async function partsOf(manifest: string): Promise<readonly string[]> {
  const { size } = await lstat(manifest);
  if (size > LONGEST_MANIFEST) throw noDataFile(manifest, `a manifest of ${size} bytes is none`, { damaged: true });
  const lines = (await readFile(manifest, "utf8")).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const parts = lines.map((line) => {
    const name = /^file "?(?<name>[\w.-]+)"? seq \d+ type [bhi]\b/.exec(line)?.groups?.["name"];
    if (name === undefined)
      throw noDataFile(manifest, `its line ${JSON.stringify(line.slice(0, 80))} names no file of its folder`, { damaged: true });
    return name;
  });
  for (const part of parts) {
    const found = await lstat(join(dirname(manifest), part)).catch((error: unknown) => {
      throw isAbsent(error) ? noDataFile(manifest, `it names ${part}: ${messageOf(error)}`, { damaged: true }) : fileNotRead(part, error);
    });
    if (!found.isFile()) throw noDataFile(manifest, `it names ${part}, which is not a regular file`, { damaged: true });
  }
  return parts;
}

async function manifestsIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.endsWith(".manifest")).sort();
}

async function readHead(path: string): Promise<Buffer> {
  const file = await open(path, "r").catch((error: unknown) => {
    throw isAbsent(error) ? noDataFile(path, messageOf(error)) : fileNotRead(path, error);
  });
  try {
    const bytes = Buffer.alloc(HEAD);
    const { bytesRead } = await file.read(bytes, 0, HEAD, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
