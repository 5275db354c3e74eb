import { leaveCluster } from "../cluster/leave.ts";
import type { PlacedInstance } from "../lab/placement.ts";
import type { Lab } from "../lab/schema.ts";
import type { InstanceAccess } from "../redis/types.ts";
import { leaveSentinel } from "../sentinel/leave.ts";
import { wantedOf } from "../sentinel/wanted.ts";
import { openAccess } from "./access.ts";
import { handOverSlots } from "./cluster/hand-over-slots.ts";
import { stopInstance } from "./down.ts";
import { hostUnreachable } from "./errors.ts";
import { clusterMembers } from "./members.ts";
import type { Session } from "./session.ts";

/** What leaving came to. */
export interface Parting {
  readonly done: readonly string[];
  readonly notices: readonly string[];
  /** Instances that stay and could not be told. */
  readonly untold: readonly string[];
}

/**
 * Makes the instances of a host leave the layout, and stops them.
 *
 * @param declared the lab without its former hosts
 */
export async function depart(session: Session, declared: Lab, host: string, instances: readonly string[]): Promise<Parting> {
  const access = openAccess({ ...session, anyRoute: true });
  try {
    const leaving = new Set(instances);
    const { done, untold } = await leaveLayout(session, declared, leaving, access);
    const stopped = await retire(session, host, leaving);
    const unreachable = session.unreachable.get(host);
    const notices = [
      ...(unreachable === undefined
        ? []
        : [`${host} could not be logged in to: what runs there was not stopped. ${hostUnreachable(host, unreachable).what}`]),
      ...untold.map(
        (id) => `${id} does not answer and still knows ${host}: run \`redis-lab leave ${declared.name} ${host}\` again when it is back.`,
      ),
    ];
    return { done: [...done, ...stopped.map((id) => `stop ${id}`)], notices, untold };
  } finally {
    access.close();
  }
}

async function leaveLayout(
  session: Session,
  declared: Lab,
  leaving: ReadonlySet<string>,
  access: InstanceAccess,
): Promise<{ readonly done: readonly string[]; readonly untold: readonly string[] }> {
  const { placement, emit, signal, secrets } = session;
  const names = new Set(declared.hosts.map(({ name }) => name));
  const isDeclared = ({ id, host }: { readonly id: string; readonly host: string }) => names.has(host) && !leaving.has(id);
  const options = { emit, ...(signal !== undefined && { signal }) };
  switch (declared.layout.kind) {
    case "cluster": {
      const members = clusterMembers(placement);
      const party = { declared: members.filter(isDeclared), former: members.filter((member) => !isDeclared(member)), leaving };
      const handed = await handOverSlots(session, party, access);
      const { done, untold } = await leaveCluster(party, access, options);
      return { done: [...handed, ...done], untold };
    }
    case "sentinel": {
      const all = wantedOf(placement);
      const masters = all.masters.flatMap((watched) => {
        const [master, ...replicas] = [watched.master, ...watched.replicas].filter(isDeclared);
        return master === undefined ? [] : [{ ...watched, master, replicas }];
      });
      const party = { declared: { masters, sentinels: all.sentinels.filter(isDeclared) }, all, leaving };
      return leaveSentinel(party, access, {
        ...options,
        secrets,
        stop: async (ids) => {
          await retireAll(session, ids);
        },
      });
    }
  }
}

/** @returns the instances that still ran */
async function retire(session: Session, host: string, leaving: ReadonlySet<string>): Promise<readonly string[]> {
  if (!session.connections.has(host)) return [];
  return retireAll(session, [...leaving]);
}

/** Sentinels first, so that none of them acts on the end of the others. */
async function retireAll(session: Session, ids: readonly string[]): Promise<readonly string[]> {
  const instances = session.placement.hosts
    .flatMap(({ instances: own }) => own)
    .filter(({ id }) => ids.includes(id))
    .sort((a, b) => rank(a) - rank(b));
  const stopped: string[] = [];
  for (const instance of instances) {
    if (!session.connections.has(instance.host)) throw hostUnreachable(instance.host, session.unreachable.get(instance.host));
    if (await stopInstance(session, instance, "retire")) stopped.push(instance.id);
  }
  return stopped;
}

function rank({ kind }: PlacedInstance): number {
  return kind === "sentinel" ? 0 : 1;
}
