import type { HostPlan } from "../bootstrap/plan.ts";
import { rdbVersionOf } from "../bootstrap/steps/install.ts";
import { messageOf } from "../error.ts";
import { isRedisServer } from "../lab/instances.ts";
import { placedInstances } from "../lab/placement.ts";
import { TARGETS } from "../lab/targets.ts";
import { formerHosts } from "./former.ts";
import { type LayoutPlan, layoutEngine } from "./layout.ts";
import { type Prepared, prepare } from "./prepare.ts";
import type { Session } from "./session.ts";

/** Everything that `up` would do now: plain data. Holds no secret. */
export interface LabPlan {
  readonly lab: string;
  readonly target: string;
  readonly kind: "cluster" | "sentinel";
  readonly declaredVersion: string;
  readonly version: string;
  /** Number of changes; 0 means that `up` changes nothing. */
  readonly changes: number;
  readonly hosts: readonly HostPlan[];
  readonly unreachable: readonly { readonly host: string; readonly error: string }[];
  readonly layout: LayoutPlan;
}

/** What `up` would change. Looks, and changes nothing. */
export async function planLab(session: Session): Promise<LabPlan> {
  const prepared = await prepare(session);
  const hosts = [...prepared.hosts.values()].map(({ plan }) => plan);
  const planned = withDepartures(await planLayout(prepared), session);
  const layout = { ...planned, findings: [...planned.findings, ...oneWay(prepared)] };
  return {
    lab: session.lab.name,
    target: session.target,
    kind: session.lab.layout.kind,
    declaredVersion: session.lab.redis.version,
    version: prepared.source.version,
    changes: hosts.reduce((sum, host) => sum + countChanges(host), 0) + layout.actions.length,
    hosts,
    unreachable: [...prepared.failed].map(([host, error]) => ({ host, error: messageOf(error) })),
    layout,
  };
}

/** An upgrade after which there is no way back but a backup. */
function oneWay({ hosts, source, session }: Prepared): LayoutPlan["findings"] {
  const versions = new Set([...hosts.values()].flatMap(({ facts }) => (facts.build === undefined ? [] : [facts.build.version])));
  const gets = rdbVersionOf(source.version) ?? 0;
  const [older] = [...versions].filter((version) => (rdbVersionOf(version) ?? gets) < gets);
  if (older === undefined) return [];
  const backup =
    session.lab.layout.kind === "cluster"
      ? `redis-lab cluster backup ${session.lab.name} FOLDER`
      : "BGSAVE, and a copy of the dump of the master";
  return [
    {
      code: "one-way-upgrade",
      severity: "note",
      instance: undefined,
      text: `Redis ${source.version} writes data that ${older} can't read: once a host runs it, only a backup leads back. Replicas go first, one host at a time, each in step before the next; the first that fails stops the rest.`,
      next: `Make one before: ${backup}`,
    },
  ];
}

/** Hosts that are declared no more leave at the end of an `up`, unless Terraform makes them leave before it ends their VMs. */
function withDepartures(layout: LayoutPlan, { lab, state, target }: Session): LayoutPlan {
  if (TARGETS[target].machines === "terraform") return layout;
  const departures = [...formerHosts(lab, state)].map(([host, members]) => ({
    summary: `let ${host} leave: what ${members.map(({ id }) => id).join(" and ")} ${members.length === 1 ? "has" : "have"} goes to those that stay, then all forget it and it is stopped`,
    reason: "leave",
  }));
  return { ...layout, actions: [...layout.actions, ...departures] };
}

export function countChanges({ changes, reconfigure, restarts }: HostPlan): number {
  return changes.length + reconfigure.length + restarts.length;
}

/** The engine's plan. Before the instances run there is nothing to observe: then it is told in one line from the lab. */
async function planLayout(prepared: Prepared): Promise<LayoutPlan> {
  const { session } = prepared;
  const running = [...prepared.hosts.values()].some(({ facts }) =>
    [...facts.instances.values()].some(({ process }) => process !== undefined),
  );
  if (running) {
    const stopped = new Set(
      [...prepared.hosts.values()].flatMap(({ facts }) =>
        [...facts.instances].filter(([, { process }]) => process === undefined).map(([id]) => id),
      ),
    );
    const { actions, findings } = await layoutEngine(session).plan();
    // A stopped instance is in the plan of its host already.
    return {
      actions,
      findings: findings.filter(({ code, instance }) => !(code === "unreachable" && instance !== undefined && stopped.has(instance))),
    };
  }
  const members = placedInstances(session.placement).filter(({ role }) => isRedisServer({ role }) && role.kind !== "standby");
  const summary =
    session.lab.layout.kind === "cluster"
      ? `create the cluster of ${members.length} instances, or go on with the one in their data`
      : `form the sentinel layout of ${members.length} servers`;
  return { actions: [{ summary, reason: "create" }], findings: [] };
}
