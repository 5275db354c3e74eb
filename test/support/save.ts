import { waitFor } from "../../lib/base/wait.ts";
import { RedisReplyError } from "../../lib/redis/reply-error.ts";

/**
 * SAVE or BGSAVE, and what it replied. Redis refuses either while a child saves for another reason: a save point that was reached, a replica that copies everything. That one is waited for.
 *
 * @param send gives one command to the server
 */
export async function save(send: (...command: string[]) => Promise<unknown>, command: "SAVE" | "BGSAVE" = "SAVE"): Promise<unknown> {
  return waitFor(
    async () => {
      try {
        return { done: true, value: await send(command) };
      } catch (error) {
        if (!(error instanceof RedisReplyError) || !/already in progress/.test(error.message)) throw error;
        return { done: false, missing: error.message };
      }
    },
    { what: `${command} to be taken`, timeoutMs: 60_000, intervalMs: 50 },
  );
}
