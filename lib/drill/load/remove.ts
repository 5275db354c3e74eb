import type { ApplicationClient } from "../../redis/application-client.ts";
import { type WrittenKey, writtenKeys } from "./written-keys.ts";

/** How often a key is tried whose server does not do it: a failover may be under way. */
const ATTEMPTS = 3;

/** Removes the keys that a load wrote, by its ledger, and no other. @returns how many it removed, and how many could not be removed */
export async function removeWrittenKeys(
  client: ApplicationClient,
  {
    operationsFile,
    prefix,
    writersOfShard,
    timeoutMs,
  }: { readonly operationsFile: string; readonly prefix: string; readonly writersOfShard: number; readonly timeoutMs: number },
): Promise<{ readonly removed: number; readonly left: number }> {
  let removed = 0;
  let left = 0;
  const remove = async ({ key, slot, writer }: WrittenKey): Promise<number | undefined> => {
    const place = { key, slot, shard: Math.floor(writer / writersOfShard) };
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const answer = await within(client.send(place, ["UNLINK", key]), timeoutMs);
      if (answer !== undefined) return Number(answer);
      client.lookAgain(place);
    }
    return undefined;
  };
  for await (const batch of writtenKeys(operationsFile, prefix)) {
    const answers = await Promise.all(batch.map(remove));
    for (const answer of answers)
      if (answer === undefined) left += 1;
      else removed += answer;
  }
  return { removed, left };
}

/** Undefined where it fails, or has not come after the time. */
export function within<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve(undefined), ms);
    work.then(resolve, () => resolve(undefined)).finally(() => clearTimeout(late));
  });
}
