import { writeConfiguration } from "../bootstrap/configuration.ts";
import { openSupervisor } from "../bootstrap/supervise.ts";
import { type LayoutEngine, layoutEngine } from "./layout.ts";
import type { Prepared } from "./prepare.ts";
import { readiness } from "./ready.ts";
import { requestOf } from "./reconfigure.ts";

/**
 * Restarts instances one at a time, replicas before masters, each after the one before is back in its place. A master first hands its role to a replica, in the way
 * that loses no acknowledged write. A run that is cut off is continued: whoever has not been restarted is planned again.
 *
 * @throws LabError of the supervisor or the engine; the instances after the failed one keep running as they are
 */
export async function restartRolling(prepared: Prepared, instances: ReadonlySet<string>): Promise<void> {
  const { session } = prepared;
  if (instances.size === 0) return;
  const engine = layoutEngine(session);
  const order = (await engine.restartOrder()).filter((id) => instances.has(id));
  const rest = [...instances].filter((id) => !order.includes(id));
  for (const id of [...order, ...rest]) {
    session.signal?.throwIfAborted();
    await restartOne(prepared, engine, id);
  }
}

async function restartOne(prepared: Prepared, engine: LayoutEngine, id: string): Promise<void> {
  const { session } = prepared;
  const host = [...prepared.hosts.values()].find((each) => each.host.instances.some((instance) => instance.id === id));
  const instance = host?.host.instances.find((each) => each.id === id);
  const connection = session.connections.get(host?.host.name ?? "");
  if (host === undefined || instance === undefined || connection === undefined) throw new Error(`${id} was planned and is not there`);
  const step = { type: "step", host: instance.host, step: "restart" } as const;
  session.emit({ ...step, state: "started", detail: id });
  try {
    await engine.release(id);
    const supervisor = openSupervisor(connection, host.wanted, {
      ready: readiness(session),
      onProgress: (detail) => session.emit({ type: "progress", host: instance.host, step: "restart", detail }),
      ...(session.signal !== undefined && { signal: session.signal }),
    });
    session.access.drop(id);
    await supervisor.stop(instance);
    // Only now: a running Redis may write the file itself at any moment. A stopped instance is started by the next run, whatever happens here.
    await writeConfiguration(connection, host.facts, requestOf(host), instance, { needsRestart: false });
    await supervisor.start(instance);
    await engine.settled(id);
  } catch (error) {
    session.emit({ ...step, state: "failed", detail: id });
    throw error;
  }
  session.emit({ ...step, state: "changed", detail: id });
}
