import { join } from "node:path";
import { writeAtomically } from "../../base/atomic.ts";
import { isLabError, messageOf, whatOf } from "../../base/error.ts";
import { waitFor } from "../../base/wait.ts";
import { micros } from "../clock.ts";
import { noMasterToDrill } from "../errors.ts";
import type { EventLine, HistoryHeader } from "../history.ts";
import { HISTORY_FILES } from "../reading/history-folder.ts";
import type { Drill } from "../scenarios/drill.ts";
import { type DrillDuration, durationMs, type LabTimes } from "../scenarios/duration.ts";
import { castOf } from "../scenarios/roles.ts";
import { EventLog } from "./event-log.ts";
import type { DrillLoadHandle, DrillPorts } from "./ports.ts";
import { DrillStage } from "./stage.ts";

export interface DrillRunOptions {
  readonly drill: Drill;
  /** Folder of the history; it exists and is empty. */
  readonly folder: string;
  /** Without the writers, which the load says. */
  readonly header: Omit<HistoryHeader, "writers" | "startedAt" | "startedAtMicros">;
  readonly times: LabTimes;
  /** Numbers in [0, 1), from the seed. */
  readonly random: () => number;
  readonly now: () => Date;
  readonly signal?: AbortSignal | undefined;
}

/** How long a lab is waited for, beyond ten of its time-outs. */
const HEALTHY_MS = 180_000;

/** What a run came to. Its history is on disk, whole or not. */
export interface DrillRun {
  readonly interrupted: boolean;
  /** What is not as it should be once all was done to heal it, as sentences. */
  readonly left: readonly string[];
}

/**
 * Runs a drill: load, fault, recovery, and a last look, each written down as it happens. A lab that does not become healthy, or a step that fails, is part of the history, and faults are taken back whatever happens.
 *
 * @throws LabError where nothing could be begun; a defect
 */
export async function runDrillScenario(ports: DrillPorts, options: DrillRunOptions): Promise<DrillRun> {
  const { drill, folder, header, times, signal } = options;
  const cast = castOf(await ports.roles(), options.random);
  if (cast === undefined) throw noMasterToDrill(header.lab);
  const log = EventLog.create(folder);
  const begun = { startedAt: options.now().toISOString(), startedAtMicros: micros() };
  const observer = ports.observe((event) => log.add(event));
  const tell = (event: Omit<EventLine, "t" | "source">, t = micros()) => log.add({ t, source: "drill", ...event });
  const stage = new DrillStage({ ports, cast, log, tell, times, signal });
  let load: DrillLoadHandle | undefined;
  let left: readonly string[] = [];
  let interrupted = false;
  try {
    ports.say(`load begins; ${cast.master} is the master of this drill`);
    load = await ports.startLoad(folder);
    await writeAtomically(
      join(folder, HISTORY_FILES.header),
      `${JSON.stringify({ ...header, ...begun, writers: load.writers }, null, 2)}\n`,
    );
    tell({ what: "load-began" });
    await flows(load, drill.load?.before ?? "3s", times, signal);
    for (const step of drill.fault) await stage.play(step);
    tell({ what: "recovery" });
    for (const step of drill.recover ?? [{ do: "heal" } as const, { do: "up" } as const]) await stage.play(step);
    ports.say("waiting until the lab is healthy");
    left = await healthy(ports, stage, times, signal);
    if (left.length === 0) {
      tell({ what: "settled", text: "status finds no problem" });
      await flows(load, drill.load?.after ?? "3s", times, signal);
      // Links that a partition left open may fail once more, a time-out after it: what is judged is what stays.
      left = await healthy(ports, stage, times, signal);
    }
  } catch (error) {
    interrupted = signal?.aborted === true;
    // Without a load there is no history: nothing was done to the lab yet.
    if (load === undefined || (!interrupted && !isLabError(error))) throw error;
    tell(interrupted ? { what: "interrupted" } : { what: "note", text: messageOf(error).slice(0, 1_000) });
    // What heals from here on may hand roles over by itself.
    tell({ what: "recovery" });
    left = interrupted ? [] : [whatOf(error)];
    ports.say(interrupted ? "interrupted; faults are taken back" : `failed: ${whatOf(error)}; faults are taken back`);
  } finally {
    // A second failure on the way out hides the first one from nobody: both are in the history.
    const undo = async () => {
      await stage.end();
      await ports.heal();
    };
    await undo().catch((error: unknown) => {
      left = [...left, whatOf(error)];
      tell({ what: "note", text: whatOf(error) });
    });
    await load?.stop().catch((error: unknown) => tell({ what: "note", text: whatOf(error) }));
    tell({ what: "load-ended" });
    await observer.stop();
    log.close();
  }
  if (!interrupted) await lastLook(ports, folder);
  return { interrupted, left };
}

async function lastLook(ports: DrillPorts, folder: string): Promise<void> {
  await writeAtomically(join(folder, HISTORY_FILES.state), `${JSON.stringify(await ports.finalState(), null, 2)}\n`);
  await ports.readFinal(folder);
}

/** The load runs so long, and acknowledges something in that time. */
async function flows(load: DrillLoadHandle, how: DrillDuration, times: LabTimes, signal: AbortSignal | undefined): Promise<void> {
  const ms = durationMs(how, times) ?? 3_000;
  const until = performance.now() + ms;
  const before = load.acknowledged();
  const broke = load.ended.then(() => undefined);
  const look = async () =>
    performance.now() >= until && load.acknowledged() > before
      ? { done: true as const, value: undefined }
      : { done: false as const, missing: "an acknowledged operation" };
  await Promise.race([waitFor(look, { what: "the load", timeoutMs: ms + 60_000, intervalMs: 50, signal }), broke]);
}

/** @returns what is left after all patience; none where the lab is healthy */
async function healthy(ports: DrillPorts, stage: DrillStage, times: LabTimes, signal: AbortSignal | undefined): Promise<readonly string[]> {
  let problems: readonly string[] = [];
  const look = async () => {
    problems = await ports.problems();
    return problems.length === 0 ? { done: true as const, value: undefined } : { done: false as const, missing: problems.join(" ") };
  };
  try {
    await waitFor(look, { what: "the lab to be healthy", timeoutMs: HEALTHY_MS + 10 * times.timeoutMs, intervalMs: 250, signal });
    return [];
  } catch (error) {
    if (!isLabError(error) || error.code !== "wait.timeout") throw error;
    stage.note(`the lab is not healthy: ${problems.join(" ")}`.slice(0, 2_000));
    return problems;
  }
}
