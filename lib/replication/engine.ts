import { isLabError } from "../base/error.ts";
import type { Emit } from "../base/events.ts";
import { type Attempt, type WaitOptions, waitFor } from "../base/wait.ts";
import { barReading } from "../redis/bar-reading.ts";
import { killClients, replicaOf } from "../redis/commands.ts";
import { observeServer, persistRole } from "../redis/server.ts";
import type { EngineInstance, InstanceAccess } from "../redis/types.ts";
import { checkReplication } from "./check.ts";
import { notFormed } from "./errors.ts";
import { knownServers, observeReplication, type ReplicationFinding, type ReplicationWanted } from "./model.ts";

// What applying a plan and handing the role over have in common.

export interface ReplicationOptions {
  readonly emit: Emit;
  /** Longest wait for each step that waits, in milliseconds. @default 60000 */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const STEP = "layout";

export interface Engine {
  readonly wanted: ReplicationWanted;
  readonly access: InstanceAccess;
  readonly options: ReplicationOptions;
}

export function waiting({ options: { emit, signal, timeoutMs = 60_000 } }: Engine, what: string, longest = timeoutMs): WaitOptions {
  let said = "";
  const onPending = (detail: string) => {
    if (detail !== said) emit({ type: "progress", host: undefined, step: STEP, detail });
    said = detail;
  };
  return { what, timeoutMs: longest, intervalMs: 50, onPending, signal };
}

/** Runs `work` as one step of the display. A wait changes nothing. */
export async function step(
  engine: Engine,
  host: string | undefined,
  detail: string,
  work: () => Promise<void>,
  waits = false,
): Promise<void> {
  const event = { type: "step", host, step: STEP, detail } as const;
  engine.options.emit({ ...event, state: "started" });
  try {
    await work();
  } catch (error) {
    engine.options.emit({ ...event, state: "failed" });
    throw error;
  }
  engine.options.emit({ ...event, state: waits ? "unchanged" : "changed" });
}

export function find({ wanted }: Engine, id: string): EngineInstance {
  const found = knownServers(wanted).find((server) => server.id === id);
  if (found === undefined) throw new Error(`${id} was planned and is not there`);
  return found;
}

/**
 * Makes servers replicas for good. The clients of one that was a master are ended, so that they look for the new one.
 *
 * @param restarting those that are restarted into another build afterwards: they read nothing before
 */
export async function follow(
  engine: Engine,
  servers: readonly EngineInstance[],
  master: EngineInstance,
  restarting: ReadonlySet<string> = new Set(),
): Promise<void> {
  const results = await Promise.allSettled(
    servers.map((server) =>
      step(engine, server.host, `make ${server.id} a replica of ${master.id}`, async () => {
        const client = await engine.access.client(server.id);
        const { role } = await observeServer(server, client);
        if (restarting.has(server.id)) await barReading(client);
        await replicaOf(client, master);
        if (role === "master") await killClients(client);
        await persistRole(client, server.id, engine.options.emit);
      }),
    ),
  );
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

/**
 * Waits until every replica that can be reached is in step.
 *
 * @param without instances of no matter
 * @throws LabError `replication.not-formed`
 */
export async function awaitFormed(engine: Engine, without: ReadonlySet<string> = new Set()): Promise<void> {
  let missing: readonly ReplicationFinding[] = [];
  try {
    await waitFor(
      async (): Promise<Attempt<undefined>> => {
        const findings = checkReplication(await observeReplication(engine.wanted, engine.access), engine.wanted);
        missing = findings.filter(({ code, instance }) => GAPS.has(code) && !without.has(instance ?? ""));
        if (missing.length === 0) return { done: true, value: undefined };
        return { done: false, missing: missing.map(({ text }) => text).join(" ") };
      },
      waiting(engine, "all replicas to be in step"),
    );
  } catch (error) {
    throw isLabError(error) && error.code === "wait.timeout" ? notFormed(missing) : error;
  }
}

/** Findings that end by an action or by waiting. */
const GAPS: ReadonlySet<ReplicationFinding["code"]> = new Set(["no-master", "replica-missing", "replica-link-down"]);
