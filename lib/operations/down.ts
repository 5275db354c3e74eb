import { rm } from "node:fs/promises";
import { allSettledLimited } from "../base/limit.ts";
import { expectedError } from "../base/system-error.ts";
import { serversStillRun } from "../bootstrap/errors.ts";
import { observeHost } from "../bootstrap/observe.ts";
import { serversLeft } from "../bootstrap/own-servers.ts";
import { removeHost } from "../bootstrap/remove.ts";
import { openSupervisor } from "../bootstrap/supervise.ts";
import { type PlacedInstance, placedInstances } from "../lab/placement.ts";
import { PROGRAMS } from "../lab/programs.ts";
import { TARGETS, type TargetName } from "../lab/targets.ts";
import { writeState } from "../project/state.ts";
import { machinesAreTerraforms } from "./errors.ts";
import { healFaults } from "./fault.ts";
import { removeNetwork } from "./network.ts";
import { HOST_CONCURRENCY, type Session, type SessionOptions, withSession } from "./session.ts";
import { readStatus } from "./status.ts";
import { withLabLock } from "./vms/inside-terraform.ts";

/** What `down` did. */
export interface DownReport {
  readonly lab: string;
  readonly target: string;
  /** Instances that ran and were stopped. */
  readonly stopped: readonly string[];
  /** What was removed, by host; empty without `remove`. */
  readonly removed: readonly { readonly host: string; readonly what: readonly string[] }[];
  readonly failures: readonly { readonly host: string; readonly error: string }[];
}

/** How much goes: nothing but the processes; data and configuration, the compiled Redis kept; or everything that redis-lab made. */
export type Removal = "nothing" | "state" | "everything";

export interface DownOptions extends SessionOptions {
  readonly remove: Removal;
  readonly now: () => Date;
}

/**
 * For a user who is about to take a lab down: machines that Terraform made are removed by Terraform.
 *
 * @throws LabError `operations.machines-are-terraforms`
 */
export function assertCanGoDown(lab: string, target: TargetName): void {
  if (TARGETS[target].machines === "terraform") throw machinesAreTerraforms(lab);
}

/**
 * Stops a lab so that nothing is lost: sentinels first, so that nobody fails over; then replicas, then masters, each by SIGTERM, which saves. A host that can't be
 * reached is a failure of its own; the others go on.
 *
 * @throws LabError `operations.machines-are-terraforms`, `project.*`, `secrets.*`
 */
export async function bringDown(options: DownOptions): Promise<DownReport> {
  assertCanGoDown(options.lab.name, options.target);
  return withLabLock(options, `down ${options.lab.name}`, () => withSession(options, (session) => bringSessionDown(session, options)));
}

async function bringSessionDown(session: Session, { remove, now }: Pick<DownOptions, "remove" | "now">): Promise<DownReport> {
  const failures = new Map([...session.unreachable].map(([host, error]) => [host, error.message]));
  // What stands still does not end, and a ballast or a rule would stay for ever.
  for (const { host, error } of (await healFaults(session, [], "down")).failures) failures.set(host, failures.get(host) ?? error);
  const stopped = await stopEverything(session, failures);
  session.signal?.throwIfAborted();
  // What could not be stopped has not saved its data, and would end with the network.
  if (failures.size === 0) await removeNetwork(session);
  const removed = remove === "nothing" ? [] : await removeEverywhere(session, remove, failures);
  if (failures.size === 0) await forget(session, remove, now());
  return {
    lab: session.lab.name,
    target: session.target,
    stopped: stopped.sort(),
    removed,
    failures: [...failures].map(([host, error]) => ({ host, error })),
  };
}

/** Stops what runs on the hosts that were reached, and adds the failures. @returns the instances that ran */
export async function stopEverything(session: Session, failures: Map<string, string>): Promise<string[]> {
  const stopped: string[] = [];
  for (const wave of await waves(session)) {
    const results = await allSettledLimited(wave, HOST_CONCURRENCY * 2, async (instance) => {
      if (await stopInstance(session, instance)) stopped.push(instance.id);
    });
    session.signal?.throwIfAborted();
    for (const [index, result] of results.entries()) {
      const instance = wave[index];
      if (result.status === "rejected" && instance !== undefined) failures.set(instance.host, expectedError(result.reason).message);
    }
  }
  await findServersLeft(session, failures);
  return stopped;
}

/** Whatever of the lab's builds still runs, matched to an instance or not, is a failure of its host: then the lab is not down. */
async function findServersLeft(session: Session, failures: Map<string, string>): Promise<void> {
  const { placement, connections } = session;
  const hosts = placement.hosts.filter(({ name }) => connections.has(name) && !failures.has(name));
  const results = await allSettledLimited(hosts, HOST_CONCURRENCY, async (host) => {
    const connection = connections.get(host.name);
    const left = connection === undefined ? [] : await serversLeft(connection, placement, host);
    if (left.length > 0) throw serversStillRun(host.name, left);
  });
  for (const [index, result] of results.entries()) {
    if (result.status === "rejected") failures.set(hosts[index]?.name ?? "", expectedError(result.reason).message);
  }
}

/** Instances in groups that are stopped one after the other; roles as they are now, since a failover may have moved them. */
async function waves(session: Session): Promise<readonly (readonly PlacedInstance[])[]> {
  const { rows } = await readStatus(session);
  const reached = placedInstances(session.placement).filter(({ host }) => session.connections.has(host));
  const role = (id: string) => rows.find(({ instance }) => instance === id)?.role;
  return [
    reached.filter(({ kind }) => PROGRAMS[kind].endsFirst),
    reached.filter(({ id, kind }) => !PROGRAMS[kind].endsFirst && role(id) !== "master"),
    reached.filter(({ id, kind }) => !PROGRAMS[kind].endsFirst && role(id) === "master"),
  ];
}

/** Stops an instance; `retire`: and keeps it from coming back with the next boot. True when it ran. */
export async function stopInstance(session: Session, instance: PlacedInstance, how: "stop" | "retire" = "stop"): Promise<boolean> {
  const host = session.placement.hosts.find(({ name }) => name === instance.host);
  const connection = session.connections.get(instance.host);
  if (host === undefined || connection === undefined) return false;
  const supervisor = openSupervisor(
    connection,
    { placement: session.placement, host, secrets: session.secrets },
    {
      onProgress: (detail) => session.emit({ type: "progress", host: host.name, step: "stop", detail }),
      signal: session.signal,
    },
  );
  if (!(await supervisor.isToStop(instance))) {
    if (how === "retire") await supervisor.retire(instance);
    return false;
  }
  session.emit({ type: "step", host: host.name, step: "stop", state: "started", detail: instance.id });
  session.access.drop(instance.id);
  await supervisor[how](instance);
  session.emit({ type: "step", host: host.name, step: "stop", state: "changed", detail: instance.id });
  return true;
}

async function removeEverywhere(session: Session, remove: Removal, failures: Map<string, string>): Promise<DownReport["removed"]> {
  // What still runs because its stop failed keeps its data.
  const hosts = session.placement.hosts.filter(({ name }) => session.connections.has(name) && !failures.has(name));
  const results = await allSettledLimited(hosts, HOST_CONCURRENCY, async (host) => {
    const connection = session.connections.get(host.name);
    if (connection === undefined) return [];
    session.emit({ type: "step", host: host.name, step: "remove", state: "started" });
    const what = await removeHost(connection, await observeHost(connection, session.placement, host), session.placement, host, {
      keepBuild: remove === "state",
    });
    session.emit({
      type: "step",
      host: host.name,
      step: "remove",
      state: what.length === 0 ? "unchanged" : "changed",
      detail: `${what.length} removed`,
    });
    return what;
  });
  session.signal?.throwIfAborted();
  return results.flatMap((result, index) => {
    const host = hosts[index]?.name ?? "";
    if (result.status === "fulfilled") return [{ host, what: result.value }];
    failures.set(host, expectedError(result.reason).message);
    return [];
  });
}

/** After a purge nothing is remembered of this target but the pins of its host keys; the lab's secrets stay, other targets have them too. */
async function forget(session: Session, remove: Removal, now: Date): Promise<void> {
  const { source, ...rest } = session.state;
  if (session.state.lastUp !== "") {
    await writeState(session.paths, {
      ...rest,
      live: false,
      ...(session.state.live && { since: now.toISOString() }),
      ...(remove !== "everything" && source !== undefined && { source }),
      members: remove === "nothing" ? rest.members : [],
    });
  }
  if (remove === "everything") {
    await rm(session.paths.stateFile, { force: true });
    await rm(session.paths.hostsFolder, { recursive: true, force: true });
  }
}
