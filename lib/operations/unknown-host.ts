import { placedInstances } from "../lab/placement.ts";
import { unknownDeparture } from "./errors.ts";
import type { Session } from "./session.ts";
import { readStatus } from "./status.ts";

/** Findings about nodes that nobody declares: one of them may be the host that is asked for. */
const STRANGERS: ReadonlySet<string> = new Set(["extra-member", "foreign-cluster", "foreign-master", "ghost-replica", "ghost-sentinel"]);

/**
 * A host that nothing is remembered of (another computer brought the lab up, or it never came up) may go only if the layout knows nobody but the declared instances.
 *
 * @throws LabError `operations.unknown-departure`
 */
export async function assertNobodyUnknown(session: Session, host: string): Promise<void> {
  const { rows, findings } = await readStatus(session);
  const refuse = (why: string) => unknownDeparture(session.lab.name, host, why);
  const strange = findings.filter(({ code, severity }) => STRANGERS.has(code) && severity !== "note");
  const [first] = strange;
  if (first !== undefined) throw refuse(`the lab has members that it does not declare (${first.text.replace(/\.$/, "")})`);
  if (rows.some(({ state }) => state === "up")) return;
  // Nobody could be asked. That is harmless only where nothing runs.
  const [silent] = session.unreachable.keys();
  if (silent !== undefined) throw refuse(`${silent} and the others can't be asked`);
  for (const { host: at, address, port, id } of placedInstances(session.placement)) {
    const seen = await session.connections.get(at)?.probe(address, port);
    if (seen === "open") throw refuse(`${id} runs and can't be asked`);
  }
}
