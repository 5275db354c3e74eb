import { isLabError } from "../error.ts";
import type { PlacedInstance } from "../lab/placement.ts";
import { readServerInfo } from "../redis/commands.ts";
import type { Look } from "../wait.ts";
import type { Session } from "./session.ts";

/**
 * One look whether an instance answers on its real address and has loaded its data. That systemd calls it active proves neither: Redis 4.0 says READY before it
 * binds, and skips an address that the host does not have yet (server.c of 4.0.14, main and listenToPort).
 */
export function readiness({ access }: Pick<Session, "access">): (instance: PlacedInstance) => Promise<Look<unknown>> {
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
      // A wrong password does not mend itself by waiting.
      if (!isLabError(error) || error.code === "redis.wrong-password") throw error;
      return { done: false, missing: error.what };
    }
  };
}
