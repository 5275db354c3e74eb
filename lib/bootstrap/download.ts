import { open } from "node:fs/promises";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { megabytes } from "../base/text.ts";

export interface DownloadOptions {
  /** Longest wait for the answer to begin, and for each further piece of it, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** The most that is taken, in bytes: a server that sends without an end must not fill the disk, and the sum is compared only at the end. */
  readonly longestBytes: number;
  readonly onBytes?: (received: number, total: number | undefined) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Pause that ends a download which has begun, in milliseconds. */
const STALL_MS = 30_000;

/**
 * Streams a URL to a file. Plain Errors, for the caller to name: the reason of fetch's own "fetch failed" is in its cause.
 *
 * @throws Error for an unreachable server, a status other than 200, a body that ends early or is longer than it may be
 */
export async function downloadFile(url: string, path: string, options: DownloadOptions): Promise<void> {
  // Opened here: a stream that opens its file by itself may do so after it was given up, and after its caller removed what there was.
  const file = await open(path, "w", 0o600);
  const stop = new AbortController();
  const abort = () => stop.abort(options.signal?.reason);
  options.signal?.addEventListener("abort", abort, { once: true });
  let received = 0;
  let total: number | undefined;
  let timer = setTimeout(() => stop.abort(new Error(`no answer within ${options.connectTimeoutMs / 1000} s`)), options.connectTimeoutMs);
  try {
    const response = await fetch(url, { signal: stop.signal, redirect: "follow" });
    if (response.status !== 200 || response.body === null)
      throw new Error(`the server answered ${response.status} ${response.statusText}`.trim());
    const length = response.headers.get("content-length");
    total = length === null ? undefined : Number(length);
    const tooLong = () => new TooLarge(`it is larger than ${megabytes(options.longestBytes, 0)}, the most that is taken`);
    if (total !== undefined && total > options.longestBytes) throw tooLong();
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        clearTimeout(timer);
        timer = setTimeout(() => stop.abort(new Error(`the download stood still for ${STALL_MS / 1000} s`)), STALL_MS);
        received += chunk.length;
        options.onBytes?.(received, total);
        if (received > options.longestBytes) done(tooLong());
        else done(null, chunk);
      },
    });
    await pipeline(Readable.fromWeb(response.body as ReadableStream), count, file.createWriteStream(), { signal: stop.signal });
  } catch (error) {
    if (stop.signal.aborted && stop.signal.reason instanceof Error) throw stop.signal.reason;
    if (error instanceof TooLarge) throw error;
    const cut = total !== undefined && received < total;
    throw new Error(cut ? `the download ended after ${received} of ${total} bytes` : reasonOf(error), { cause: error });
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", abort);
    await file.close();
  }
}

class TooLarge extends Error {}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (error.message === "fetch failed" && cause instanceof Error) return (cause as NodeJS.ErrnoException).code ?? cause.message;
  return error.message;
}
