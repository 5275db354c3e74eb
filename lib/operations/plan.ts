import { byCount } from "../base/text.ts";
import type { HostPlan } from "../bootstrap/plan.ts";
import type { LayoutKind } from "../lab/layouts.ts";
import { placedInstances } from "../lab/placement.ts";
import { TARGETS } from "../lab/targets.ts";
import { rdbVersionOf } from "../redis/words.ts";
import { countPlanned } from "./count-changes.ts";
import { type HostFailure, hostFailure } from "./host-failure.ts";
import type { LayoutPlan } from "./layouts/row.ts";
import { layoutOperations } from "./layouts.ts";
import { formerHosts } from "./leaving/former.ts";
import { type Prepared, prepare, somethingRan } from "./prepare.ts";
import type { Session } from "./session.ts";

/** Everything that `up` would do now: plain data. Holds no secret. */
export interface LabPlan {
  readonly lab: string;
  readonly target: string;
  readonly kind: LayoutKind;
  /** Of Redis, as the lab declares it. */
  readonly declaredVersion: string;
  /** Of Redis, that would be installed. */
  readonly version: string;
  /** Number of changes; 0 means that `up` changes nothing. */
  readonly changes: number;
  readonly hosts: readonly HostPlan[];
  /** Hosts that can't be reached or looked at. */
  readonly unreachable: readonly HostFailure[];
  readonly layout: LayoutPlan;
}

/** What `up` would change. Looks, and changes nothing. */
export async function planLab(session: Session): Promise<LabPlan> {
  const prepared = await prepare(session);
  const hosts = [...prepared.hosts.values()].map(({ plan }) => plan);
  const formation = await planLayout(prepared);
  session.signal?.throwIfAborted();
  const left = [...closings(prepared), ...departures(session)];
  const layout = { actions: [...formation.actions, ...left], findings: [...formation.findings, ...oneWay(prepared)] };
  // A lab that was formed before goes on with what is in its data when its instances are started.
  const formed = !somethingRan(prepared) && session.state.members.length > 0;
  return {
    lab: session.lab.name,
    target: session.target,
    kind: session.lab.layout.kind,
    declaredVersion: session.lab.redis.version,
    version: prepared.source.version.text,
    changes: hosts.reduce((sum, host) => sum + countPlanned(host), 0) + (formed ? 0 : formation.actions.length) + left.length,
    hosts,
    unreachable: [...prepared.failed].map(([host, error]) => hostFailure(host, undefined, error)),
    layout,
  };
}

/** An upgrade after which there is no way back but a backup. */
function oneWay({ hosts, source, session }: Prepared): LayoutPlan["findings"] {
  const versions = new Set([...hosts.values()].flatMap(({ facts }) => (facts.build === undefined ? [] : [facts.build.version])));
  const gets = rdbVersionOf(source.version) ?? 0;
  const [older] = [...versions].filter((version) => (rdbVersionOf(version) ?? gets) < gets);
  if (older === undefined) return [];
  return [
    {
      code: "one-way-upgrade",
      severity: "note",
      instance: undefined,
      text: `${source.version.title} writes data that ${older} can't read: once a host runs it, only a backup leads back. Replicas go first, one host at a time, each in step before the next; the first that fails stops the rest.`,
      next: `Make one before: ${layoutOperations(session).backup}`,
    },
  ];
}

/** Sentinels that get their password once all of them know one. */
function closings({ session }: Prepared): LayoutPlan["actions"] {
  if (session.placement.openSentinels !== true) return [];
  return placedInstances(session.placement)
    .filter(({ kind }) => kind === "sentinel")
    .map(({ id }) => ({ summary: `restart ${id} once more, with a password, after the last sentinel is upgraded`, reason: "setting" }));
}

/** Hosts that are declared no more leave at the end of an `up`, unless Terraform makes them leave before it ends their VMs. */
function departures({ lab, state, target }: Session): LayoutPlan["actions"] {
  if (TARGETS[target].machines === "terraform") return [];
  return [...formerHosts(lab, state)].map(([host, members]) => ({
    summary: `let ${host} leave: what ${members.map(({ id }) => id).join(" and ")} ${byCount(members.length, "has", "have")} goes to those that stay, then all forget it and it is stopped`,
    reason: "leave",
  }));
}

/** The layout's plan. Before the instances run there is nothing to observe: then it is one line that follows from the lab. */
async function planLayout(prepared: Prepared): Promise<LayoutPlan> {
  const { session } = prepared;
  if (somethingRan(prepared)) {
    const stopped = new Set(
      [...prepared.hosts.values()].flatMap(({ facts }) =>
        [...facts.instances].filter(([, { process }]) => process === undefined).map(([id]) => id),
      ),
    );
    const { actions, findings } = await layoutOperations(session).plan();
    // A stopped instance is in the plan of its host already.
    return {
      actions,
      findings: findings.filter(({ code, instance }) => !(code === "unreachable" && instance !== undefined && stopped.has(instance))),
    };
  }
  // Hosts that were not looked at are no new ones.
  if (prepared.hosts.size === 0) return { actions: [], findings: [] };
  return { actions: [{ summary: layoutOperations(session).formation(), reason: "create" }], findings: [] };
}
