import { configGet, configSet } from "./commands.ts";
import type { RedisClient } from "./types.ts";

/**
 * What an old master does after a hand-over: it follows the new one, or it is restarted into another build at once and reads nothing before. An older Redis can read neither
 * the data of a newer one (it empties itself, and asks again for ever: redis/redis#3570) nor all of its commands: from 6.2 on SET with EX is handed on as SET with PXAT,
 * which older versions answer with an error, and the key is missing from then on.
 */
export type OldMaster = "follows" | "restarts";

/** Not a password that a lab can have: those have no colon. */
const BARRED = "barred:restart-into-another-build";

/**
 * Keeps a server from reading anything of the master that it is to follow: with this masterauth no server lets it in, not even one without a password (replication.c of
 * 4.0.14 to 7.2 give up when AUTH is answered with an error). The restart ends it, as the file has the right one, and so does the next `up`.
 *
 * @returns what takes it back
 */
export async function barReading(client: RedisClient): Promise<() => Promise<void>> {
  const before = (await configGet(client, "masterauth")) ?? "";
  await configSet(client, "masterauth", BARRED);
  return () => configSet(client, "masterauth", before === BARRED ? "" : before);
}
