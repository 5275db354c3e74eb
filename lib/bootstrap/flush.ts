import type { Emit } from "../base/events.ts";
import type { Connection } from "../connection/connection.ts";
import { sh } from "../connection/quote.ts";
import type { PlacedHost } from "../lab/placement.ts";
import { ending } from "./errors.ts";

/** A slow disk may have a compile and the first save of a large data set to write, in milliseconds. */
const SYNC_TIMEOUT_MS = 600_000;

/**
 * Packages, links and enabled units too outlast a power cut from here on. Everything is done by then: a disk that is too slow, and an interruption, are no failure of the host. Only the file systems
 * of ours are flushed where `sync` can choose (coreutils 8.24, later than CentOS 7): it would wait for an NFS server elsewhere that does not answer.
 */
export async function flushDisks(
  { name, paths }: Pick<PlacedHost, "name" | "paths">,
  connection: Pick<Connection, "run">,
  { emit, signal }: { readonly emit: Emit; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const script = sh`sync -f / /etc /usr /var ${[paths.prefix, paths.data, paths.logs]} 2>/dev/null || sync`;
  const result = await connection.run(script, { title: "sync", timeoutMs: SYNC_TIMEOUT_MS, root: true, signal });
  if (result.exitCode === 0) return;
  const text = `${name} has not written everything to its disks yet (\`sync\` ${ending(result)}): a power cut now may undo changes. See \`dmesg\` there; after one, run the same command again.`;
  emit({ type: "notice", level: "warning", text });
}
