import { isLabError } from "../base/error.ts";
import type { Attempt } from "../base/wait.ts";
import type { PlacedInstance } from "../lab/placement.ts";
import { readServerInfo } from "../redis/commands.ts";
import type { Session } from "./session.ts";

const LASTING: ReadonlySet<string> = new Set(["redis.wrong-password", "operations.not-this-instance", "operations.other-checkout"]);

/**
 * One look whether an instance answers on its real address and has loaded its data. That systemd calls it active proves neither: Redis 4.0 says READY before it
 * binds, and skips an address that the host does not have yet (server.c of 4.0.14, main and listenToPort).
 */
export function readiness({ access }: Pick<Session, "access">): (instance: PlacedInstance) => Promise<Attempt<unknown>> {
  return async (instance) => {
    try {
      const client = await access.client(instance.id);
      if (instance.kind === "sentinel") {
        await client.call(["PING"]);
        return { done: true, value: undefined };
      }
      const info = await readServerInfo(client);
      return info.loading ? { done: false, missing: `${instance.id} is loading its data` } : { done: true, value: undefined };
    } catch (error) {
      // A wrong password does not fix itself by waiting, and another server does not go by itself.
      if (!isLabError(error) || LASTING.has(error.code)) throw error;
      return { done: false, missing: error.what };
    }
  };
}
