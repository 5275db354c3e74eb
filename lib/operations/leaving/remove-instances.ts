import type { PlacedInstance } from "../../lab/placement.ts";
import { PROGRAMS } from "../../lab/programs.ts";
import type { Lab } from "../../lab/schema.ts";
import { openAccess } from "../access.ts";
import { stopInstance } from "../down.ts";
import { hostUnreachable } from "../errors.ts";
import { layoutOperations } from "../layouts.ts";
import type { Session } from "../session.ts";

/** What leaving came to. */
export interface LeaveResult {
  readonly done: readonly string[];
  readonly notices: readonly string[];
  /** Instances that stay and could not be contacted. */
  readonly stillKnownBy: readonly string[];
}

/**
 * Makes the instances of a host leave the layout, and stops them.
 *
 * @param declared the lab without its former hosts
 */
export async function removeInstances(session: Session, declared: Lab, host: string, instances: readonly string[]): Promise<LeaveResult> {
  const access = openAccess({ ...session, anyRoute: true });
  try {
    const leaving = new Set(instances);
    const stop = async (ids: readonly string[]) => {
      await retireAll(session, ids);
    };
    const { done, stillKnownBy } = await layoutOperations(session).leave({ declared, leaving, access, stop });
    const stopped = await retire(session, host, leaving);
    const unreachable = session.unreachable.get(host);
    const notices = [
      ...(unreachable === undefined
        ? []
        : [`${host} could not be logged in to: what runs there was not stopped. ${hostUnreachable(host, unreachable).what}`]),
      ...stillKnownBy.map(
        (id) => `${id} does not answer and still knows ${host}: run \`redis-lab leave ${declared.name} ${host}\` again when it is back.`,
      ),
    ];
    return { done: [...done, ...stopped.map((id) => `stop ${id}`)], notices, stillKnownBy };
  } finally {
    access.close();
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
  return PROGRAMS[kind].endsFirst ? 0 : 1;
}
