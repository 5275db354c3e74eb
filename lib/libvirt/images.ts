import { constants } from "node:fs";
import { copyFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../base/cache-folder.ts";
import { messageOf } from "../base/error.ts";
import { errnoOf } from "../base/errors.ts";
import type { Emit } from "../base/events.ts";
import { megabytes } from "../base/text.ts";
import { intoCache, sha256OfFile } from "../bootstrap/cache.ts";
import { downloadFile } from "../bootstrap/download.ts";
import type { Image } from "../lab/images.ts";
import { imageDigestWrong, imageDiskFull, imageFileMissing, imageNotQcow2, imageUnreachable } from "./errors.ts";
import { readImageHeader } from "./image-kind.ts";

/** A checked image on this computer. */
export interface FetchedImage {
  /** Absolute path in the cache. */
  readonly path: string;
  readonly fileBytes: number;
  /** Size of the disk in it: no VM's disk can be smaller. */
  readonly virtualBytes: number;
  /** It was fetched now, and not found in the cache. */
  readonly fetched: boolean;
}

/** Images of systems have a few hundred million bytes, at most some billions. */
const LONGEST_IMAGE = 20e9;

export interface ImageOptions {
  /** Gets each event of the download. @default events are dropped */
  readonly emit?: Emit;
  /** @default redis-lab's cache, see `cacheFolder` */
  readonly cacheFolder?: string;
  /** Longest wait for an answer of the server, in milliseconds. @default 15000 */
  readonly connectTimeoutMs?: number;
  /** The most that the server may send, in bytes. @default 20 billion */
  readonly longestBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Where an image is, or will be, on this computer. Pure: Terraform is given this path before there is such a file. */
export function imageFile(image: Pick<Image, "sha256">, folder = cacheFolder()): string {
  return join(folder, "images", `${image.sha256}.qcow2`);
}

/** An image that was fetched before; undefined where it was not. */
export async function fetchedImage(image: Pick<Image, "sha256">, folder = cacheFolder()): Promise<FetchedImage | undefined> {
  const path = imageFile(image, folder);
  const seen = await readImageHeader(path).catch(() => undefined);
  return seen !== undefined && "virtualBytes" in seen ? { path, ...seen, fetched: false } : undefined;
}

/**
 * Fetches an image into the cache, once: a file of the cache bears the sum that was checked before it got its name. A second call, and a second process, changes nothing.
 *
 * @throws LabError `image.unreachable`, `image.file-missing`, `image.digest-wrong`, `image.not-qcow2`, `image.disk-full`
 */
export async function ensureImage(image: Pick<Image, "location" | "sha256">, options: ImageOptions = {}): Promise<FetchedImage> {
  const path = imageFile(image, options.cacheFolder);
  const { emit = () => {} } = options;
  const found = await fetchedImage(image, options.cacheFolder);
  if (found !== undefined) {
    emit({ type: "step", host: undefined, step: "image", state: "unchanged", detail: path });
    return found;
  }
  emit({ type: "step", host: undefined, step: "image", state: "started", detail: image.location });
  try {
    const virtualBytes = await intoCache(path, async (temporary) => {
      await fetchInto(temporary, image.location, options);
      options.signal?.throwIfAborted();
      emit({ type: "progress", host: undefined, step: "image", detail: "checking its SHA-256" });
      const got = await sha256OfFile(temporary);
      const seen = await readImageHeader(temporary);
      if (got !== image.sha256)
        throw imageDigestWrong(image.location, image.sha256, got, seen.fileBytes, "kind" in seen ? seen.kind : undefined);
      if ("kind" in seen) throw imageNotQcow2(image.location, seen.kind);
      return seen.virtualBytes;
    });
    const { size } = await stat(path);
    emit({ type: "step", host: undefined, step: "image", state: "changed", detail: `${path} (${sized(size)})` });
    return { path, fileBytes: size, virtualBytes, fetched: true };
  } catch (error) {
    options.signal?.throwIfAborted();
    // The cache says only that the file can't be written.
    const named = errnoOf(error) === "ENOSPC" || errnoOf(error) === "EDQUOT" ? imageDiskFull(path, error) : error;
    emit({ type: "step", host: undefined, step: "image", state: "failed", detail: messageOf(named).split("\n")[0] ?? "" });
    throw named;
  }
}

async function fetchInto(temporary: string, location: string, options: ImageOptions): Promise<void> {
  if (!/^https?:\/\//.test(location)) {
    await copyFile(location, temporary, constants.COPYFILE_FICLONE).catch((error: unknown) => {
      throw errnoOf(error) === "ENOSPC" ? error : imageFileMissing(location, error);
    });
    return;
  }
  await downloadFile(location, temporary, {
    connectTimeoutMs: options.connectTimeoutMs ?? 15_000,
    longestBytes: options.longestBytes ?? LONGEST_IMAGE,
    onBytes: (received, total) =>
      options.emit?.({
        type: "progress",
        host: undefined,
        step: "image",
        detail: `${sized(received)}${total === undefined ? "" : ` of ${sized(total)}`} of ${location}`,
        fraction: total !== undefined && total > 0 ? Math.min(1, received / total) : undefined,
      }),
    signal: options.signal,
  }).catch((error: unknown) => {
    throw errnoOf(error) === "ENOSPC" ? error : imageUnreachable(location, messageOf(error), error);
  });
}

function sized(bytes: number): string {
  return megabytes(bytes, bytes < 1e8 ? 1 : 0);
}
