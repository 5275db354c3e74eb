import type { Connection } from "../connection/connection.ts";
import type { PlacedHost, PlacedInstance } from "../lab/placement.ts";
import type { ProcessProof } from "./facts.ts";
import { restartMark } from "./host-paths.ts";

/** Remembers on the host that this very process must be restarted. Nobody has to clear it: it says nothing about the next process. */
export async function markRestart(
  connection: Connection,
  host: PlacedHost,
  instance: PlacedInstance,
  process: ProcessProof,
  reason: "unit-changed" | "configuration",
): Promise<void> {
  await connection.writeFile(restartMark(host.paths, instance), `${process.pid} ${process.start} ${reason}\n`, { mode: 0o600 });
}
