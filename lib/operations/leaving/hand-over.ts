import type { Lab } from "../../lab/schema.ts";
import { stopInstance } from "../down.ts";
import { hostUnreachable } from "../errors.ts";
import { findHost } from "../find.ts";
import { layoutOperations } from "../layouts.ts";
import type { Session } from "../session.ts";
import type { VmChange } from "./decide.ts";
import { removeInstances } from "./remove-instances.ts";

/**
 * Prepares a host for the end of its VM: every master on it hands its role to a replica, then its instances end the way that saves. Where its disk is lost they leave
 * the layout altogether, and come back as new ones.
 *
 * @param declared the lab without its former hosts
 * @throws LabError `operations.last-copy` and those of a planned failover: the host stays as it is
 */
export async function handOver(
  session: Session,
  declared: Lab,
  host: string,
  change: VmChange,
): Promise<{ readonly done: readonly string[]; readonly notices: readonly string[] }> {
  const instances = findHost(session.placement, host).instances;
  const ids = instances.map(({ id }) => id);
  const { released } = await releaseRoles(session, host);
  if (change.kind === "hypervisor") {
    // Where the disk is lost, nothing may be on it alone.
    await layoutOperations(session).assertNothingLeft(ids);
    const result = await removeInstances(session, declared, host, ids);
    return { done: [...released, ...result.done], notices: result.notices };
  }
  if (!session.connections.has(host)) {
    const { what } = hostUnreachable(host, session.unreachable.get(host));
    return { done: released, notices: [`${host} could not be logged in to, so its instances were not stopped. ${what}`] };
  }
  const stopped = await stopInstances(session, host);
  return { done: [...released, ...stopped.map((id) => `stop ${id}`)], notices: [] };
}

/** Hands over every role of master on a host. @returns the instances that had one, as sentences */
export async function releaseRoles(session: Session, host: string): Promise<{ readonly released: readonly string[] }> {
  const layout = layoutOperations(session);
  const released: string[] = [];
  for (const { id, kind } of findHost(session.placement, host).instances) {
    session.signal?.throwIfAborted();
    if (kind === "redis" && (await layout.release(id))) released.push(`hand over the role of ${id}`);
  }
  return { released };
}

/** Stops the instances of a host, its sentinels first. @returns those that ran */
export async function stopInstances(session: Session, host: string): Promise<readonly string[]> {
  const { instances } = findHost(session.placement, host);
  const stopped: string[] = [];
  for (const kind of ["sentinel", "redis"] as const) {
    for (const instance of instances.filter((each) => each.kind === kind)) {
      if (await stopInstance(session, instance)) stopped.push(instance.id);
    }
  }
  return stopped;
}
