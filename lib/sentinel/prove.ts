import { LabError } from "../base/error.ts";
import { proveReplication } from "../redis/prove.ts";
import { sentinelAddressOf } from "../redis/sentinel-commands.ts";
import { serverAt } from "../redis/server.ts";
import type { InstanceAccess } from "../redis/types.ts";
import type { SentinelWanted } from "./types.ts";
import { serversOf } from "./wanted.ts";

/**
 * Proves that a sentinel layout serves, as a client would: ask a sentinel for each master, write there, read at every replica, delete.
 *
 * @throws LabError `operations.proof-failed`, `wait.timeout`
 */
export async function proveSentinel(wanted: SentinelWanted, access: InstanceAccess, signal: AbortSignal | undefined): Promise<string> {
  const sentinel = wanted.sentinels[0];
  if (sentinel === undefined) return "no sentinel to ask";
  const texts = await Promise.all(
    wanted.masters.map(async (watched) => {
      const address = await sentinelAddressOf(await access.client(sentinel.id), watched.name);
      const master = address === undefined ? undefined : serverAt(serversOf(watched), address.address, address.port);
      if (master === undefined) {
        throw new LabError({
          code: "operations.proof-failed",
          kind: "environment",
          what: `${sentinel.id} names no instance of the lab as the master of ${watched.name}.`,
          next: "Look at it: redis-lab status LAB",
        });
      }
      const replicas = serversOf(watched).filter(({ id }) => id !== master.id);
      await proveReplication(master, replicas, access, signal);
      return `a key written to ${master.id}, which ${sentinel.id} names as ${watched.name}, and read at ${replicas.map(({ id }) => id).join(" and ")}`;
    }),
  );
  return texts.join("; ");
}
