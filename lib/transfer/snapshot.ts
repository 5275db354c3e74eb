import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { Duplex } from "node:stream";
import { isLabError, messageOf } from "../base/error.ts";
import { notSent, notWritten } from "./errors.ts";
import { OPTIONS, SnapshotReader, SYNC } from "./replication.ts";

/** A data set that was written to a file. */
export interface Snapshot {
  readonly bytes: number;
  /** In hexadecimal digits. */
  readonly sha256: string;
}

/** Longest silence of a master, in milliseconds. While it prepares its data set it sends a newline each second (replicationCron in replication.c). */
const SILENCE_MS = 60_000;

/**
 * Writes the data set of a master to a file as it comes over the replication stream: nothing of it is kept in memory, and the master writes no file of its own where it may do without.
 *
 * @param stream authenticated; is destroyed
 * @param file is made, with mode 0600
 * @throws LabError `cluster.snapshot-failed`, `cluster.backup-not-written`
 */
export async function writeSnapshot(
  stream: Duplex,
  file: string,
  {
    instance,
    signal,
    onBytes,
  }: { readonly instance: string; readonly signal?: AbortSignal | undefined; readonly onBytes?: (bytes: number) => void },
): Promise<Snapshot> {
  const reader = new SnapshotReader();
  const hash = createHash("sha256");
  let bytes = 0;
  const silent = setTimeout(() => stream.destroy(notSent(instance, `it was silent for ${SILENCE_MS / 1000} s`)), SILENCE_MS);
  const abort = () => stream.destroy(signal?.reason instanceof Error ? signal.reason : new Error("it was aborted"));
  signal?.addEventListener("abort", abort, { once: true });
  // It may have been aborted before anything listened.
  if (signal?.aborted === true) abort();
  let handle: FileHandle | undefined;
  try {
    handle = await writing(file, () => open(file, "wx", 0o600));
    const { write, sync } = writerOf(handle, file);
    stream.write(OPTIONS);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      silent.refresh();
      for (const arrival of reader.push(chunk)) {
        switch (arrival.kind) {
          case "ready":
            stream.write(SYNC);
            break;
          case "data":
            hash.update(arrival.bytes);
            await write(arrival.bytes);
            bytes += arrival.bytes.length;
            onBytes?.(bytes);
            break;
          case "refused":
            throw notSent(instance, `it answered SYNC with: ${arrival.reply}`);
          case "end":
            await sync();
            return { bytes, sha256: hash.digest("hex") };
          default:
            return arrival satisfies never;
        }
      }
    }
    throw notSent(instance, `it closed the connection after ${bytes} bytes`);
  } catch (error) {
    signal?.throwIfAborted();
    throw isLabError(error) ? error : notSent(instance, messageOf(error));
  } finally {
    clearTimeout(silent);
    signal?.removeEventListener("abort", abort);
    stream.destroy();
    await handle?.close();
  }
}

function writerOf(handle: FileHandle, file: string) {
  return {
    write: (bytes: Buffer) => writing(file, () => handle.writeFile(bytes)),
    sync: () => writing(file, () => handle.sync()),
  };
}

async function writing<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw notWritten(file, messageOf(error));
  }
}
