import { observeHost } from "../bootstrap/observe.ts";
import { isOurs, labOfFile } from "../bootstrap/ownership.ts";
import { openSupervisor } from "../bootstrap/supervise.ts";
import type { PlacedHost, PlacedInstance, Placement } from "../lab/placement.ts";
import { PROGRAMS } from "../lab/programs.ts";
import { hostUnreachable, notInstalled, notOurs } from "./errors.ts";
import { findHost, findInstance } from "./find.ts";
import { raiseNetwork } from "./network.ts";
import { readiness } from "./ready.ts";
import { type Session, type SessionOptions, withSession } from "./session.ts";
import { withLabLock } from "./vms/inside-terraform.ts";

/** `stop` and `restart` save the data; `kill` is the accident. */
export type InstanceAction = "stop" | "start" | "restart" | "kill";

/** What was done to one instance. */
export interface InstanceOutcome {
  readonly instance: string;
  /** Its process before; undefined where it did not run. */
  readonly before: number | undefined;
  /** Its process afterwards; undefined where it does not run. */
  readonly after: number | undefined;
  /** After how long systemd starts a killed one again, for example `5s`. */
  readonly restartsAfter: string | undefined;
  /** A stopped one comes back with the next boot of its host. */
  readonly startsAtBoot: boolean;
}

export interface InstancesReport {
  readonly lab: string;
  readonly target: string;
  readonly action: InstanceAction;
  readonly instances: readonly InstanceOutcome[];
}

export interface InstancesOptions extends SessionOptions {
  readonly action: InstanceAction;
  /** `HOST:PORT`, or `HOST` for all instances of the host. */
  readonly reference: string;
  readonly now: () => Date;
}

/**
 * Stops, starts, restarts or kills instances, and nothing else: no layout is formed, no role is handed over. Only a process is touched that is proven to be the lab's.
 * A kill needs no lock: it comes in the middle of other work, as accidents do.
 *
 * @throws LabError `operations.unknown-host`, `operations.unknown-instance`, `operations.host-unreachable`, `operations.not-installed`, `operations.not-ours`,
 * `bootstrap.*`, `project.locked`
 */
export async function controlInstances(options: InstancesOptions): Promise<InstancesReport> {
  const { lab, target, action, reference } = options;
  const work = () =>
    withSession({ ...options, hosts: [hostOf(reference)] }, async (session) => {
      const instances: InstanceOutcome[] = [];
      for (const instance of chosen(session.placement, reference, action)) instances.push(await control(session, instance, action));
      return { lab: lab.name, target, action, instances };
    });
  return action === "kill" ? work() : withLabLock(options, `${action} ${lab.name} ${reference}`, work);
}

/** The host of `HOST:PORT` or `HOST`. */
export function hostOf(reference: string): string {
  return reference.split(":")[0] ?? "";
}

/** In the order in which they are touched: what ends first begins last. */
export function chosen(placement: Placement, reference: string, action: InstanceAction): readonly PlacedInstance[] {
  if (reference.includes(":")) return [findInstance(placement, reference)];
  const { instances } = findHost(placement, reference);
  const first = instances.filter(({ kind }) => PROGRAMS[kind].endsFirst);
  const last = instances.filter(({ kind }) => !PROGRAMS[kind].endsFirst);
  return action === "start" ? [...last, ...first] : [...first, ...last];
}

async function control(session: Session, instance: PlacedInstance, action: InstanceAction): Promise<InstanceOutcome> {
  const { placement, connections, unreachable, secrets, emit, signal } = session;
  const host = findHost(placement, instance.host);
  const connection = connections.get(host.name);
  if (connection === undefined) throw hostUnreachable(host.name, unreachable.get(host.name));
  const look = async () => {
    const facts = await observeHost(connection, placement, host);
    return { facts, fact: facts.instances.get(instance.id) };
  };
  const { facts, fact } = await look();
  if (!facts.files.has(instance.configFile)) throw notInstalled(session.lab.name, instance.id);
  const owner = labOfFile(facts.files.get(instance.configFile));
  if (owner !== undefined && owner !== session.lab.name) throw notOurs(session.lab.name, instance.id, `it is of the lab "${owner}"`);
  assertOurs(placement, host, instance, fact?.process?.exe);
  const supervisor = openSupervisor(
    connection,
    { placement, host, secrets },
    {
      ready: readiness(session),
      onProgress: (detail) => emit({ type: "progress", host: host.name, step: action, detail }),
      signal,
    },
  );
  const before = fact?.process?.pid;
  // After a crash systemd waits before it starts the unit again; a stop ends that, too.
  const waits = fact?.unit?.activeState === "activating";
  const needed = action === "start" ? before === undefined : action === "restart" || before !== undefined || (action === "stop" && waits);
  const step = { type: "step", host: host.name, step: action, detail: instance.id } as const;
  if (!needed) {
    emit({ ...step, state: "unchanged" });
    return { instance: instance.id, before, after: before, restartsAfter: undefined, startsAtBoot: false };
  }
  if (action === "start" || action === "restart") await raiseNetwork(session);
  emit({ ...step, state: "started" });
  session.access.drop(instance.id);
  const outcome = await supervisor[action](instance);
  emit({ ...step, state: "changed" });
  const ends = action === "stop" || action === "kill";
  return {
    instance: instance.id,
    before,
    after: ends ? undefined : (await look()).fact?.process?.pid,
    restartsAfter: outcome?.restartsAfter,
    startsAtBoot: action === "stop" && fact?.unit?.enabled === true,
  };
}

/** A unit of that name may not be the lab's: then its process runs another program. */
function assertOurs(placement: Placement, host: PlacedHost, instance: PlacedInstance, exe: string | undefined): void {
  if (exe !== undefined && !isOurs(exe, host.paths.prefix)) {
    throw notOurs(placement.lab.name, instance.id, `${instance.unit} runs ${exe}, which is not a program of the lab`);
  }
}
