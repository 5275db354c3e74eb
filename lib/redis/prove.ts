import { randomBytes } from "node:crypto";
import { waitFor } from "../base/wait.ts";
import type { EngineInstance, InstanceAccess } from "./types.ts";

/** A key that a cut-off proof leaves behind is gone after this time, in seconds. */
const KEY_LIFETIME_S = 60;

/**
 * Writes a key to a master, reads it at every replica, and deletes it.
 *
 * @throws LabError `wait.timeout` where a replica does not get it, or what the connection says
 */
export async function proveReplication(
  master: EngineInstance,
  replicas: readonly EngineInstance[],
  access: InstanceAccess,
  signal: AbortSignal | undefined,
): Promise<void> {
  const key = `redis-lab:proof:${randomBytes(6).toString("hex")}`;
  const value = randomBytes(6).toString("hex");
  const client = await access.client(master.id);
  await client.call(["SET", key, value, "EX", KEY_LIFETIME_S]);
  await Promise.all(
    replicas.map(async ({ id }) => {
      const replica = await access.client(id);
      await waitFor(
        async () =>
          (await replica.call(["GET", key])) === value ? { done: true, value: undefined } : { done: false, missing: `${key} at ${id}` },
        { what: "a written key to reach the replicas", timeoutMs: 60_000, intervalMs: 20, signal },
      );
    }),
  );
  await client.call(["DEL", key]);
}
