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

/** BGSAVE, and its end: unlike SAVE it does not keep the server silent while a busy disk writes, which sentinels and nodes would take for its death. */
export async function snapshot(send: (...command: string[]) => Promise<unknown>): Promise<void> {
  await save(send, "BGSAVE");
  await waitFor(
    async () => {
      const info = String(await send("INFO", "persistence"));
      if (!info.includes("rdb_bgsave_in_progress:0")) return { done: false, missing: "the end of the save" };
      if (!info.includes("rdb_last_bgsave_status:ok")) throw new Error(`the save failed:\n${info}`);
      return { done: true, value: undefined };
    },
    { what: "a snapshot to be written", timeoutMs: 60_000, intervalMs: 50 },
  );
}
