import { randomBytes } from "node:crypto";
import { LabError } from "../error.ts";
import { sentinelAddressOf } from "../redis/sentinel-commands.ts";
import type { InstanceAccess } from "../redis/types.ts";
import type { SentinelWanted } from "../sentinel/types.ts";
import { serverAt, serversOf } from "../sentinel/wanted.ts";
import { waitFor } from "../wait.ts";

/** A key that a cut-off proof leaves behind is gone after this time, in seconds. */
const KEY_LIFETIME_S = 60;

/**
 * Proves that a sentinel layout serves, as a client would: ask a sentinel for each master, write there, read at every replica, delete.
 *
 * @throws LabError `operations.proof-failed`, `wait.timeout`
 */
export async function proveSentinel(wanted: SentinelWanted, access: InstanceAccess): Promise<string> {
  const sentinel = wanted.sentinels[0];
  if (sentinel === undefined) return "no sentinel to ask";
  const texts = await Promise.all(
    wanted.masters.map(async (watched) => {
      const address = await sentinelAddressOf(await access.client(sentinel.id), watched.name);
      const master = address === undefined ? undefined : serverAt(serversOf(watched), address.address, address.port);
      if (master === undefined) {
        throw new LabError({
          code: "operations.proof-failed",
          what: `${sentinel.id} names no instance of the lab as the master of ${watched.name}.`,
          next: "Look at it: redis-lab status LAB",
        });
      }
      const key = `redis-lab:proof:${randomBytes(6).toString("hex")}`;
      const value = randomBytes(6).toString("hex");
      const client = await access.client(master.id);
      await client.call(["SET", key, value, "EX", KEY_LIFETIME_S]);
      const replicas = serversOf(watched).filter(({ id }) => id !== master.id);
      await Promise.all(
        replicas.map(async ({ id }) => {
          const replica = await access.client(id);
          await waitFor(
            async () =>
              (await replica.call(["GET", key])) === value ? { done: true, value: undefined } : { done: false, missing: `${key} at ${id}` },
            {
              what: "a written key to reach the replicas",
              timeoutMs: 15_000,
              intervalMs: 20,
            },
          );
        }),
      );
      await client.call(["DEL", key]);
      return `a key written to ${master.id}, which ${sentinel.id} names as ${watched.name}, and read at ${replicas.map(({ id }) => id).join(" and ")}`;
    }),
  );
  return texts.join("; ");
}
