import { placedInstances } from "../../lab/placement.ts";
import { unknownMembers } from "../errors.ts";
import { layoutOperations } from "../layouts.ts";
import type { Session } from "../session.ts";
import { readStatus } from "../status.ts";

/**
 * A host that nothing is remembered of (another computer brought the lab up, or it never came up) may go only if the layout knows nobody but the declared instances.
 *
 * @throws LabError `operations.unknown-members`
 */
export async function assertNoUnknownMembers(session: Session, host: string): Promise<void> {
  const { rows, findings } = await readStatus(session);
  const refuse = (why: string) => unknownMembers(session.lab.name, host, why);
  const { unknownMembers: codes } = layoutOperations(session);
  const strange = findings.filter(({ code, severity }) => codes.includes(code) && severity !== "note");
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
