import { waitFor } from "../base/wait.ts";
import { lowerFence } from "../redis/fence.ts";
import { observeServer, persistRole } from "../redis/server.ts";
import type { EngineInstance, InstanceAccess } from "../redis/types.ts";
import { awaitFormed, type Engine, find, follow, type ReplicationOptions, step, waiting } from "./engine.ts";
import { becameData, planRefused } from "./errors.ts";
import { successorOf } from "./judge.ts";
import {
  observeReplication,
  type PlannedReplicationAction,
  type ReplicationFinding,
  type ReplicationPlan,
  type ReplicationWanted,
} from "./model.ts";

/**
 * Carries a plan out. Running it again continues.
 *
 * @param without instances that are not waited for
 * @param restarting instances that are restarted into another build afterwards: they read nothing before, and are not waited for either
 * @throws LabError `replication.refused`, `replication.has-data`, `replication.not-formed`, or what the connection says
 */
export async function applyReplication(
  plan: ReplicationPlan,
  wanted: ReplicationWanted,
  access: InstanceAccess,
  options: ReplicationOptions,
  without: ReadonlySet<string> = new Set(),
  restarting: ReadonlySet<string> = new Set(),
): Promise<void> {
  assertAccepted(plan.findings);
  const engine = { wanted, access, options };
  const absent = new Set([...without, ...restarting]);
  const replicate = plan.actions.flatMap(({ action }) => (action.kind === "replicate" ? [action] : []));
  const first = plan.actions.findIndex(({ action }) => action.kind === "replicate");
  for (const one of plan.actions.slice(0, Math.max(first, 0))) await perform(engine, one, absent);
  const [master] = replicate.map((action) => find(engine, action.master));
  if (master !== undefined) {
    options.signal?.throwIfAborted();
    const servers = replicate.map(({ instance }) => find(engine, instance));
    await Promise.all(servers.map((server) => assertReady(engine, server, master)));
    await follow(engine, servers, master, restarting);
  }
  for (const one of plan.actions.slice(Math.max(first, 0))) await perform(engine, one, absent);
}

export function assertAccepted(findings: readonly ReplicationFinding[]): void {
  const refusing = findings.filter(({ severity }) => severity === "refuses");
  if (refusing.length > 0) throw planRefused(refusing);
}

async function perform(engine: Engine, { action, summary }: PlannedReplicationAction, without: ReadonlySet<string>): Promise<void> {
  engine.options.signal?.throwIfAborted();
  switch (action.kind) {
    case "write-roles":
      return step(engine, undefined, summary, async () => {
        for (const id of action.instances) await persistRole(await engine.access.client(id), id, engine.options.emit);
      });
    case "replicate":
      // All at once, before.
      return;
    case "lift-fence":
      return step(engine, find(engine, action.instance).host, summary, async () =>
        lowerFence(await engine.access.client(action.instance), action.minReplicas),
      );
    case "await-formed":
      return step(engine, undefined, summary, () => awaitFormed(engine, without), true);
    default:
      return action satisfies never;
  }
}

/** A server that is planned to become a replica may have data of its own by now. @throws LabError `replication.has-data` */
async function assertReady(engine: Engine, server: EngineInstance, master: EngineInstance): Promise<void> {
  const said = await waitFor(
    async () => {
      const seen = await observeServer(server, await engine.access.client(server.id));
      return seen.loading ? { done: false, missing: `${server.id} still loads its data` } : { done: true, value: seen };
    },
    waiting(engine, `${server.id} to be ready`),
  );
  if (said.role !== "master" || said.keys === 0) return;
  const { wanted, access } = engine;
  if (successorOf(await observeReplication(wanted, access), wanted, server)?.id !== master.id) throw becameData(server.id, said.keys);
}
