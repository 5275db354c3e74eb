import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { makeFolder, writeAtomically } from "../base/atomic.ts";
import { micros, stampOf } from "../drill/clock.ts";
import type { HistoryHeader } from "../drill/history.ts";
import type { ClientProgram } from "../drill/load/program-client.ts";
import { defaultWriters, type LoadSettings, type Traffic } from "../drill/load/settings.ts";
import { type RemovedKeys, startLoad } from "../drill/load/start-load.ts";
import type { Counts, LoadSummary } from "../drill/load/summary.ts";
import { clientEnvironment } from "./client-environment.ts";
import { waitOfClient } from "./errors.ts";
import { noteKeys } from "./keys-note.ts";
import { layoutOperations } from "./layouts.ts";
import { lendMinReplicas, putBackMinReplicas } from "./min-replicas.ts";
import { type Session, type SessionOptions, withSession } from "./session.ts";

/** What the verb `load` did. */
export interface LoadReport {
  readonly lab: string;
  readonly target: string;
  /** Where operations.jsonl and this document are. */
  readonly folder: string;
  readonly settings: LoadSettings;
  /** The command of the client under test; undefined where it was redis-lab's own. */
  readonly client: string | undefined;
  /** Part of the names of its keys. */
  readonly id: string;
  readonly summary: LoadSummary;
  /** Undefined where the keys were to stay. */
  readonly keys: RemovedKeys | undefined;
  /** It was not ended by a fault of its own, such as a full disk. */
  readonly ok: boolean;
}

/** Settings of a load as they are asked for. */
export interface LoadRequest extends Omit<LoadSettings, "writers"> {
  /** Of each shard. @default as many as the rate needs */
  readonly writers?: number | undefined;
}

export interface LoadVerbOptions extends SessionOptions {
  readonly request: LoadRequest;
  /** Folder of the history. @default `.redis-lab/LAB/TARGET/drills/ID` */
  readonly history?: string | undefined;
  readonly keep: boolean;
  /** Set on every server for the time of the load, and put back after it. @default nothing is set */
  readonly minReplicas?: number | undefined;
  /** Command of the client under test. @default redis-lab's own */
  readonly client?: string | undefined;
  readonly onSecond?: ((counts: Counts) => void) | undefined;
  readonly now: () => Date;
}

/** Loads a lab until its time is over or the signal says so. @throws LabError `operations.no-shards`, `drill.load-not-started`, `drill.load-broke` */
export async function loadLab(options: LoadVerbOptions): Promise<LoadReport> {
  return withSession(options, async (session) => {
    const traffic = await layoutOperations(session).traffic();
    const settings = loadSettings(options.request, traffic);
    if (options.client !== undefined && settings.wait !== undefined) throw waitOfClient();
    const id = randomBytes(4).toString("hex");
    const now = options.now();
    const folder = options.history ?? join(session.paths.targetFolder, "drills", `${stampOf(now)}-${id}`);
    await makeFolder(folder);
    await writeHeader(folder, headerOf(session, { settings, traffic, now, id, minReplicas: options.minReplicas }));
    const program = options.client === undefined ? undefined : await programOf(session, options.client, options.environment);
    const { minReplicas } = options;
    await noteKeys(folder, { id, writers: settings.writers, state: "written" });
    const putBack = minReplicas === undefined ? undefined : await lendMinReplicas(session, minReplicas);
    // What a killed one left.
    if (minReplicas === undefined) await putBackMinReplicas(session);
    try {
      const load = await startLoad({
        enter: session.enter("client"),
        settings,
        traffic,
        password: session.secrets.password,
        folder,
        id,
        keep: options.keep,
        program,
        onSecond: options.onSecond,
      });
      const stop = () => void load.stop().catch(() => {});
      if (options.signal?.aborted === true) stop();
      else options.signal?.addEventListener("abort", stop, { once: true });
      const { summary, keys } = await load.ended;
      options.signal?.removeEventListener("abort", stop);
      if (keys?.left === 0) await noteKeys(folder, { id, writers: settings.writers, state: "removed" });
      const { lab, target } = session;
      const report: LoadReport = {
        lab: lab.name,
        target,
        folder,
        settings,
        client: options.client,
        id,
        summary,
        keys,
        ok: summary.endedBy === undefined,
      };
      await writeAtomically(join(folder, "report.json"), `${JSON.stringify(report)}\n`);
      return report;
    } finally {
      await putBack?.();
    }
  });
}

/** What was asked for, with what follows from the shards. */
export function loadSettings(request: LoadRequest, traffic: Pick<Traffic, "shards">): LoadSettings {
  return { ...request, writers: request.writers ?? defaultWriters(request.rate / traffic.shards.length / request.pipeline) };
}

/** The writers of a load: those of the first shard, then those of the next. */
export function writersOf(traffic: Pick<Traffic, "shards">, { writers }: Pick<LoadSettings, "writers">): HistoryHeader["writers"] {
  return traffic.shards.flatMap(({ name }, shard) =>
    Array.from({ length: writers }, (_, index) => ({ id: shard * writers + index, shard: name })),
  );
}

async function writeHeader(folder: string, header: HistoryHeader): Promise<void> {
  await writeAtomically(join(folder, "header.json"), `${JSON.stringify(header, null, 2)}\n`);
}

function headerOf(
  { lab, target, placement }: Session,
  {
    settings,
    traffic,
    now,
    ...more
  }: {
    readonly settings: LoadSettings;
    readonly traffic: Traffic;
    readonly now: Date;
    readonly id: string;
    readonly minReplicas: number | undefined;
  },
): HistoryHeader {
  return {
    format: 1,
    lab: lab.name,
    target,
    layout: lab.layout.kind,
    version: placement.version.text,
    seed: settings.seed,
    startedAt: now.toISOString(),
    startedAtMicros: micros(),
    writers: writersOf(traffic, settings),
    settings: { ...settings, ...more },
  };
}

/** What a client under test is started with: the environment of who asks for it, with the variables of `redis-lab env` and the kind of the layout. */
export async function programOf(session: Session, command: string, environment: NodeJS.ProcessEnv): Promise<ClientProgram> {
  const { variables } = await clientEnvironment(session);
  const { REDIS_LAB_PASSWORD: _, ...kept } = environment;
  const own = Object.fromEntries(Object.entries(kept).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
  return { command, environment: { ...own, ...variables, REDIS_LAB_LAYOUT: session.lab.layout.kind } };
}
