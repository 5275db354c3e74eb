import type { Connection } from "../connection/connection.ts";
import type { PlacedHost, Placement } from "../lab/placement.ts";
import { factsFailed } from "./errors.ts";
import type { HostFacts } from "./facts.ts";
import { parseFacts } from "./facts-parser.ts";
import { factsQuestion, factsScript } from "./facts-script.ts";

/**
 * Looks at a host: one script, one round trip.
 *
 * @throws LabError `connection.*`, or `bootstrap.facts-failed` when the script ended early
 */
export async function observeHost(connection: Connection, placement: Placement, host: PlacedHost): Promise<HostFacts> {
  const question = factsQuestion(placement, host);
  const result = await connection.run(factsScript(question), {
    title: "look at the host",
    root: placement.capabilities.managesHost,
    timeoutMs: 60_000,
    look: true,
  });
  const facts = result.exitCode === 0 ? parseFacts(result.stdout, question) : undefined;
  if (facts === undefined) throw factsFailed(host.name, result);
  return facts;
}
