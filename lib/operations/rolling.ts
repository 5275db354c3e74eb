import { writeConfiguration } from "../bootstrap/configuration.ts";
import { runningBuild } from "../bootstrap/plan-host.ts";
import { openSupervisor } from "../bootstrap/supervise.ts";
import type { LayoutOperations } from "./layouts/row.ts";
import { layoutOperations } from "./layouts.ts";
import type { Prepared, PreparedHost } from "./prepare.ts";
import { readiness } from "./ready.ts";
import { requestOf } from "./reconfigure.ts";

/**
 * Restarts instances one at a time, replicas before masters, each after the one before is back in its place. A master first hands its role to a replica, in the way
 * that loses no acknowledged write. A run that is cut off is continued: instances that have not been restarted are planned again.
 *
 * @throws LabError of the supervisor or the engine; the instances after the failed one keep running as they are
 */
export async function restartRolling(prepared: Prepared, instances: ReadonlySet<string>): Promise<void> {
  const { session } = prepared;
  if (instances.size === 0) return;
  const layout = layoutOperations(session);
  const order = (await layout.restartOrder()).filter((id) => instances.has(id));
  const rest = [...instances].filter((id) => !order.includes(id));
  for (const id of [...order, ...rest]) {
    session.signal?.throwIfAborted();
    await restartOne(prepared, layout, id);
  }
}

/** Running instances whose process is of another build than the one that they are to have. */
export function instancesOfOtherBuild({ hosts }: Prepared): ReadonlySet<string> {
  return new Set(
    [...hosts.values()].flatMap(({ facts, plan, wanted }) =>
      plan.restarts.map(({ instance }) => instance).filter((id) => runningBuild(facts, wanted, id) === "other-build"),
    ),
  );
}

/**
 * Restarts replicas of another build whose link to their master is down, at once: an older Redis that follows a newer one asks for its data again and again and can't read
 * them (redis/redis#3570), so whatever waited for its link would wait for ever. It serves nobody, so its restart disturbs nobody; its link is waited for by what follows.
 *
 * @returns their ids
 */
export async function restartUnlinked(prepared: Prepared): Promise<ReadonlySet<string>> {
  const others = instancesOfOtherBuild(prepared);
  if (others.size === 0) return others;
  const unlinked = (await layoutOperations(prepared.session).unlinked()).filter((id) => others.has(id));
  for (const id of unlinked) {
    prepared.session.signal?.throwIfAborted();
    await restartInstance(prepared, id);
  }
  return new Set(unlinked);
}

function hostOf({ hosts }: Prepared, id: string): PreparedHost | undefined {
  return [...hosts.values()].find((each) => each.host.instances.some((instance) => instance.id === id));
}

async function restartOne(prepared: Prepared, layout: LayoutOperations, id: string): Promise<void> {
  const host = hostOf(prepared, id);
  const other = host !== undefined && runningBuild(host.facts, host.wanted, id) === "other-build";
  await restartInstance(prepared, id, {
    before: () => layout.release(id, other ? "restarts" : "follows"),
    after: () => layout.settled(id),
  });
}

async function restartInstance(
  prepared: Prepared,
  id: string,
  around?: { readonly before: () => Promise<unknown>; readonly after: () => Promise<void> },
): Promise<void> {
  const { session } = prepared;
  const host = hostOf(prepared, id);
  const instance = host?.host.instances.find((each) => each.id === id);
  const connection = session.connections.get(host?.host.name ?? "");
  if (host === undefined || instance === undefined || connection === undefined) throw new Error(`${id} was planned and is not there`);
  const step = { type: "step", host: instance.host, step: "restart" } as const;
  session.emit({ ...step, state: "started", detail: id });
  try {
    await around?.before();
    const supervisor = openSupervisor(connection, host.wanted, {
      ready: readiness(session),
      onProgress: (detail) => session.emit({ type: "progress", host: instance.host, step: "restart", detail }),
      onDecision: (text) => session.emit({ type: "notice", level: "warning", text }),
      signal: session.signal,
    });
    session.access.drop(id);
    await supervisor.stop(instance);
    // Only now: a running Redis may write the file itself at any moment. A stopped instance is started by the next run, whatever happens here.
    await writeConfiguration(connection, host.facts, requestOf(host), instance, { needsRestart: false });
    await supervisor.start(instance);
    await around?.after();
  } catch (error) {
    session.emit({ ...step, state: "failed", detail: id });
    throw error;
  }
  session.emit({ ...step, state: "changed", detail: id });
}
