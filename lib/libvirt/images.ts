import { constants } from "node:fs";
import { copyFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder, intoCache, sha256OfFile } from "../bootstrap/cache.ts";
import { downloadFile } from "../bootstrap/download.ts";
import { isLabError, messageOf } from "../error.ts";
import type { Emit } from "../events.ts";
import type { Image } from "../lab/images.ts";
import { imageDigestWrong, imageDiskFull, imageFileMissing, imageNotQcow2, imageUnreachable } from "./errors.ts";
import { looksAt } from "./image-kind.ts";

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

export interface ImageOptions {
  readonly emit: Emit;
  /** @default redis-lab's cache, see `cacheFolder` */
  readonly cacheFolder?: string;
  /** Longest wait for an answer of the server, in milliseconds. @default 15000 */
  readonly connectTimeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Where an image is, or will be, on this computer. Pure: Terraform is told this path before there is such a file. */
export function imageFile(image: Pick<Image, "sha256">, folder = cacheFolder()): string {
  return join(folder, "images", `${image.sha256}.qcow2`);
}

/** An image that was fetched before; undefined where it was not. */
export async function fetchedImage(image: Pick<Image, "sha256">, folder = cacheFolder()): Promise<FetchedImage | undefined> {
  const path = imageFile(image, folder);
  const seen = await looksAt(path).catch(() => undefined);
  return seen !== undefined && "virtualBytes" in seen ? { path, ...seen, fetched: false } : undefined;
}

/**
 * Fetches an image into the cache, once: a file of the cache bears the sum that was checked before it got its name. A second call, and a second process, changes nothing.
 *
 * @throws LabError `image.unreachable`, `image.file-missing`, `image.digest-wrong`, `image.not-qcow2`, `image.disk-full`
 */
export async function ensureImage(image: Pick<Image, "location" | "sha256">, options: ImageOptions): Promise<FetchedImage> {
  const path = imageFile(image, options.cacheFolder);
  const { emit } = options;
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
      const seen = await looksAt(temporary);
      if (got !== image.sha256)
        throw imageDigestWrong(image.location, image.sha256, got, seen.fileBytes, "kind" in seen ? seen.kind : undefined);
      if ("kind" in seen) throw imageNotQcow2(image.location, seen.kind);
      return seen.virtualBytes;
    });
    const { size } = await stat(path);
    emit({ type: "step", host: undefined, step: "image", state: "changed", detail: `${path} (${megabytes(size)})` });
    return { path, fileBytes: size, virtualBytes, fetched: true };
  } catch (error) {
    options.signal?.throwIfAborted();
    const named = isLabError(error)
      ? error
      : errnoOf(error) === "ENOSPC" || errnoOf(error) === "EDQUOT"
        ? imageDiskFull(path, error)
        : error;
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
    onBytes: (received, total) =>
      options.emit({
        type: "progress",
        host: undefined,
        step: "image",
        detail: `${megabytes(received)}${total === undefined ? "" : ` of ${megabytes(total)}`} of ${location}`,
        ...(total !== undefined && total > 0 && { fraction: Math.min(1, received / total) }),
      }),
    ...(options.signal && { signal: options.signal }),
  }).catch((error: unknown) => {
    throw errnoOf(error) === "ENOSPC" ? error : imageUnreachable(location, messageOf(error), error);
  });
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
}

/** The errno of an error, or of what it was made of. */
function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return (error as NodeJS.ErrnoException).code ?? errnoOf(error.cause);
}
