import { isLabError } from "../../base/error.ts";
import { byCount } from "../../base/text.ts";
import { observeHost } from "../../bootstrap/observe.ts";
import { removeHost } from "../../bootstrap/remove.ts";
import type { Session } from "../session.ts";

/** What cleaning a host came to. */
export interface Cleaning {
  readonly done: readonly string[];
  readonly notices: readonly string[];
  /** Nothing of the lab is on the host, as far as is known; false where it should be tried again. */
  readonly clean: boolean;
}

const NOTHING: Cleaning = { done: [], notices: [], clean: true };

/**
 * Removes what redis-lab made on a machine that left the lab, as `down --purge` does: it would keep the lab's password, and no other verb would find it any more. A VM that Terraform
 * ends next is left as it is.
 */
export async function cleanHost(session: Session, host: string, keep: boolean): Promise<Cleaning> {
  const { placement, lab } = session;
  const placed = placement.hosts.find(({ name }) => name === host);
  if (placed === undefined || placement.capabilities.machines === "terraform") return NOTHING;
  const connection = session.connections.get(host);
  const rotate = `another one is given by: redis-lab up ${lab.name} --rotate-password`;
  if (connection === undefined)
    return { ...NOTHING, notices: [`${host} keeps its files, and with them the lab's password, as it was not reached; ${rotate}`] };
  if (keep)
    return { ...NOTHING, notices: [`${host} keeps its data, files, units and settings, and with them the lab's password; ${rotate}`] };
  try {
    const removed = await removeHost(connection, await observeHost(connection, placement, placed), placement, placed);
    return {
      ...NOTHING,
      done: removed.length === 0 ? [] : [`remove ${removed.length} ${byCount(removed.length, "thing", "things")} of the lab from ${host}`],
    };
  } catch (error) {
    if (!isLabError(error)) throw error;
    const again = `Fix it and run \`redis-lab leave ${lab.name} ${host}\` again; with --keep its files stay.`;
    return { done: [], notices: [`${host} was not cleaned: ${error.what} ${again}`], clean: false };
  }
}
