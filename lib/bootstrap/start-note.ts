import type { Connection } from "../connection/connection.ts";
import { sh } from "../connection/quote.ts";
import { beforeStartOf } from "../lab/before-start.ts";
import type { PlacedHost, PlacedInstance } from "../lab/placement.ts";

/** What an instance decided before its last start, or what it waits for (then it begins with `waits`); undefined where there is nothing to say. */
export async function readStartNote(connection: Connection, host: PlacedHost, instance: PlacedInstance): Promise<string | undefined> {
  const files = beforeStartOf(host, instance);
  if (files === undefined) return undefined;
  const result = await connection.run(sh`head -n 1 -- ${files.note} 2>/dev/null`, { title: "read the note of the start", root: true });
  return result.stdout.trim() || undefined;
}
