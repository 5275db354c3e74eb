import { randomBytes } from "node:crypto";
import { write } from "node:fs";
import { type FileHandle, mkdir, open, readFile, readlink, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { errnoOf, fileNotRead, fileNotWritten } from "./errors.ts";
import { MARK, markOf } from "./process-identity.ts";
import { removeLeftovers } from "./temporary-folder.ts";

// The one way in which redis-lab writes files that it reads again. After a full disk, a kill -9 or a power cut a reader finds the old text or the new one: a whole file through a
// temporary one beside it, and lines that are on disk when their writer goes on, a torn one of which is cut off by the next.

/**
 * Writes a file of ours so that a reader sees the old or the new text, never a part, and the new one is on disk when this resolves. The folder is made with mode 0700.
 *
 * @param mode permission bits, from the moment at which there is anything to read. @default 0600
 * @throws LabError `file.not-written`
 */
export async function writeAtomically(file: string, text: string, mode = 0o600): Promise<void> {
  await naming(file, async () => {
    await makeFolder(dirname(file));
    await replaceFile(file, mode, (handle) => handle.writeFile(text));
  });
}

/**
 * The same for a file that a user names. A link is followed, also to a file that is not there yet. What is not a file (a terminal, a pipe), an open file of this process (`/dev/stdout`), and a file
 * whose folder takes no other one beside it are written to. No folder is made.
 *
 * @throws LabError `file.not-written`
 */
export async function writeNamedFile(file: string, text: string, mode = 0o600): Promise<void> {
  await naming(file, async () => {
    const place = await linkedPlace(file);
    const there = await stat(place).catch(() => undefined);
    if (there !== undefined && !there.isFile()) return writeFile(place, text);
    const descriptor = DESCRIPTOR.exec(place);
    // The file behind `> out` goes on where this process is in it: what is printed next must not stand over it.
    if (descriptor !== null) return writeTo(Number(descriptor[1] ?? STREAMS.indexOf(descriptor[2] ?? "")), text);
    try {
      await replaceFile(place, mode, (handle) => handle.writeFile(text));
    } catch (error) {
      if (there === undefined || !["EACCES", "EPERM", "EROFS", "EBUSY"].includes(errnoOf(error) ?? "")) throw error;
      await writeFile(place, text);
    }
  });
}

/** Where the links of a name lead, also to what is not there yet; the name of a descriptor stays as it is. */
async function linkedPlace(file: string): Promise<string> {
  let place = resolve(file);
  for (let links = 0; links < MOST_LINKS && !DESCRIPTOR.test(place); links += 1) {
    const target = await readlink(place).catch(() => undefined);
    if (target === undefined) return place;
    place = resolve(dirname(place), target);
  }
  return place;
}

/** So many links Linux follows (path_resolution(7)). */
const MOST_LINKS = 40;

const STREAMS = ["stdin", "stdout", "stderr"];

/** Names of what this process has open: its number, or the name of a stream. */
const DESCRIPTOR = /^\/(?:proc\/self|dev)\/(?:fd\/(\d+)|(stdin|stdout|stderr))$/;

async function writeTo(descriptor: number, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += (await promisify(write)(descriptor, bytes, at)).bytesWritten;
}

/**
 * Replaces a file of this computer in one step: `fill` writes a new file beside it, which is flushed, gets its mode and is renamed. Whatever fails before the rename
 * leaves the old file as it was. The folder is flushed too, because a rename is durable only then (fsync(2)). Errors are those of the system.
 */
export async function replaceFile(path: string, mode: number, fill: (file: FileHandle, temporary: string) => Promise<void>): Promise<void> {
  const folder = dirname(path);
  await removeLeftovers(folder, TEMPORARY);
  const temporary = join(folder, `.${basename(path).slice(0, 180)}.${await markOf()}.${randomBytes(4).toString("hex")}.tmp`);
  // 0600 while it is incomplete; `wx` refuses a file or link that another user put there.
  const file = await open(temporary, "wx", 0o600);
  try {
    try {
      await fill(file, temporary);
      if (((await file.stat()).mode & 0o7777) !== mode) await file.chmod(mode).catch(ignoring(NO_MODES));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {}); // the first error is the one that counts
    throw error;
  }
  await syncFolder(folder);
}

/** The file is ours, so this says that its file system has no modes: exFAT, shared folders of virtual machines. */
const NO_MODES: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

function ignoring(codes: ReadonlySet<string>): (error: unknown) => void {
  return (error) => {
    if (!codes.has(errnoOf(error) ?? "")) throw error;
  };
}

/** What replaceFile calls its temporary files. */
const TEMPORARY = new RegExp(`^\\..+\\.${MARK}\\.[0-9a-f]{8}\\.tmp$`);

/**
 * Adds lines to a file (0600) that is made with the first of them, and resolves when they are on disk. A last line without its end, of a writer that was killed or had no room, is cut off
 * before; when this one fails, what it wrote of its own is cut off again where that is possible. One writer at a time.
 *
 * @param lines made one after the other as they are written, so that large ones are not in memory together
 * @param flushed false: resolves when the kernel has them, for lines without which a reader manages after a power cut
 * @throws LabError `file.not-written`
 */
export async function appendLines(file: string, lines: Iterable<string>, { flushed = true } = {}): Promise<void> {
  await naming(file, async () => {
    await makeFolder(dirname(file));
    const handle = await open(file, "a+", 0o600);
    try {
      const { size } = await handle.stat();
      const whole = await endOfLastLine(handle, size);
      if (whole < size) await handle.truncate(whole);
      try {
        for (const line of lines) await handle.appendFile(`${line}\n`);
        if (flushed) await handle.datasync();
      } catch (error) {
        await handle.truncate(whole).catch(() => {}); // the next writer does it
        throw error;
      }
    } finally {
      await handle.close();
    }
    if (flushed) await syncFolder(dirname(file));
  });
}

/** Flushes a file that was written before. @throws LabError `file.not-written` */
export async function flushFile(file: string): Promise<void> {
  await naming(file, async () => {
    const handle = await open(file, "r");
    try {
      await handle.datasync();
    } finally {
      await handle.close();
    }
  });
}

const CHUNK_BYTES = 65_536;

/** Where the last whole line ends, in bytes. */
async function endOfLastLine(handle: FileHandle, size: number): Promise<number> {
  for (let end = size; end > 0; ) {
    const begin = Math.max(0, end - (end === size ? 1 : CHUNK_BYTES));
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(end - begin), 0, end - begin, begin);
    const at = buffer.subarray(0, bytesRead).lastIndexOf("\n");
    if (at !== -1) return begin + at + 1;
    end = begin;
  }
  return 0;
}

/** Makes a folder (0700) and those above it, and writes down on disk that they are there. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  const top = dirname(resolve(first));
  for (let each = dirname(resolve(folder)); each.length >= top.length; each = dirname(each)) {
    await syncFolder(each);
    if (each === top) return;
  }
}

/** Flushes the names in a folder. File systems that have no such thing (shared folders, some of FUSE) are as good as they can be. */
export async function syncFolder(folder: string): Promise<void> {
  const flush = async () => {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  };
  await flush().catch(ignoring(NO_SUCH_THING));
}

const NO_SUCH_THING: ReadonlySet<string> = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EISDIR", "EBADF", "EPERM", "EACCES"]);

/** The text of a file, or undefined when there is none. @throws LabError `file.not-read` */
export async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw fileNotRead(file, error);
  }
}

async function naming(file: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw errnoOf(error) === undefined
      ? error
      : fileNotWritten(file, error, "It is written whole or not at all: nothing half is left, and what it held before is unchanged.");
  }
}
