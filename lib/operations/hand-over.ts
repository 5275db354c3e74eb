import { slotsOwned } from "../cluster/leave.ts";
import { observeCluster } from "../cluster/observe.ts";
import { countSlots } from "../cluster/slots.ts";
import type { Lab } from "../lab/schema.ts";
import { reachableServer } from "../sentinel/master.ts";
import { observeSentinel } from "../sentinel/observe.ts";
import { wantedOf } from "../sentinel/wanted.ts";
import { depart } from "./depart.ts";
import type { VmChange } from "./departure.ts";
import { stopInstance } from "./down.ts";
import { hostUnreachable, lastCopy } from "./errors.ts";
import { findHost } from "./find.ts";
import { layoutEngine } from "./layout.ts";
import { clusterMembers } from "./members.ts";
import type { Session } from "./session.ts";

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
    await assertNothingLeft(session, ids);
    const parting = await depart(session, declared, host, ids);
    return { done: [...released, ...parting.done], notices: parting.notices };
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
  const engine = layoutEngine(session);
  const released: string[] = [];
  for (const { id, kind } of findHost(session.placement, host).instances) {
    session.signal?.throwIfAborted();
    if (kind === "redis" && (await engine.release(id))) released.push(`hand over the role of ${id}`);
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

/** Where the disk is lost, nothing may be on it alone. */
async function assertNothingLeft({ lab, placement, access }: Session, ids: readonly string[]): Promise<void> {
  const leaving = new Set(ids);
  if (lab.layout.kind === "cluster") {
    const members = clusterMembers(placement);
    const observation = await observeCluster(members, access);
    for (const [id, slots] of slotsOwned(observation, { declared: members, former: [], leaving }))
      throw lastCopy(id, `owns ${countSlots(slots)} slots`);
    return;
  }
  const observation = await observeSentinel(wantedOf(placement), access);
  for (const id of ids) {
    const said = reachableServer(observation, id);
    if (said?.role === "master" && said.keys > 0) throw lastCopy(id, `is a master with ${said.keys} keys`);
  }
}
