import { unreadableReply } from "./errors.ts";
import type { Reply } from "./types.ts";

/**
 * A flat reply `key value key value …` (SENTINEL MASTER, CONFIG GET) as a record.
 *
 * @throws LabError `redis.unreadable-reply` for any other shape
 */
export function pairsOf(reply: Reply): Record<string, string> {
  if (!Array.isArray(reply) || reply.length % 2 !== 0) throw unreadableReply("A reply of pairs", JSON.stringify(reply) ?? "");
  const pairs: Record<string, string> = {};
  for (let index = 0; index < reply.length; index += 2) {
    const [key, value] = [reply[index], reply[index + 1]];
    if (typeof key !== "string" || typeof value === "object") throw unreadableReply("A reply of pairs", String(key));
    pairs[key] = String(value);
  }
  return pairs;
}
