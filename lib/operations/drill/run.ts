import { join } from "node:path";
import { makeFolder, writeAtomically } from "../../base/atomic.ts";
import { whatOf } from "../../base/error.ts";
import { randomFrom } from "../../base/random.ts";
import { stampOf } from "../../drill/clock.ts";
import { HISTORY_FILES } from "../../drill/reading/history-folder.ts";
import { runDrillScenario } from "../../drill/run/run-drill.ts";
import { type Drill, expectedOf } from "../../drill/scenarios/drill.ts";
import { merged, parseExpectations } from "../../drill/verdict/expectation.ts";
import { withLock } from "../../project/lock.ts";
import { statePaths } from "../../project/state.ts";
import { type SessionOptions, withSession } from "../session.ts";
import { readStatus } from "../status.ts";
import { drillLayout } from "./by-layout.ts";
import { notHealthyBefore } from "./errors.ts";
import { assertFits } from "./fits.ts";
import { drillPorts } from "./ports.ts";
import { type DrillReport, judgeFolder } from "./report.ts";

export interface DrillVerbOptions extends SessionOptions {
  readonly drill: Drill;
  /** Terms that win over those of the drill. */
  readonly expect?: string | undefined;
  readonly runs: number;
  readonly seed: number;
  /** Operations a second. @default the drill's own */
  readonly rate?: number | undefined;
  /** WAIT after every write. @default the drill's own */
  readonly wait?: number | undefined;
  readonly say: (text: string) => void;
  readonly now: () => Date;
  /** Folder for the histories. @default `.redis-lab/LAB/TARGET/drills` */
  readonly folder?: string | undefined;
}

/** What `drill run` prints. */
export interface DrillRunReport {
  readonly lab: string;
  readonly target: string;
  readonly drill: string;
  readonly runs: readonly DrillReport[];
  /** By figure, over the runs. */
  readonly distribution: Readonly<Record<string, Distribution>>;
  readonly passed: boolean;
  readonly interrupted: boolean;
}

export interface Distribution {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/**
 * Runs a drill so many times, each with a seed of its own, and judges it. It ends when the lab is healthy again, or says what is left; an interrupted one takes back its faults.
 *
 * @throws LabError `drill.does-not-fit`, `drill.not-healthy` before anything is touched; `drill.wrong-expectation`
 */
export async function runDrills(options: DrillVerbOptions): Promise<DrillRunReport> {
  const { lab, target, drill, runs, signal, say } = options;
  if (options.expect !== undefined) parseExpectations(options.expect);
  const paths = statePaths(options.project, lab.name, target);
  return withLock(lab.name, `${paths.lockFile}.drill`, `drill ${drill.name} ${lab.name}`, options.now, async () => {
    const reports: DrillReport[] = [];
    for (let index = 0; index < runs && signal?.aborted !== true; index += 1) {
      if (runs > 1) say(`run ${index + 1} of ${runs}`);
      reports.push(await runOnce(options, options.seed + index, options.folder ?? join(paths.targetFolder, "drills")));
    }
    return {
      lab: lab.name,
      target,
      drill: drill.name,
      runs: reports,
      distribution: distributionOf(reports),
      passed: reports.length === runs && reports.every(({ verdict, left }) => verdict.outcome === "passed" && left.length === 0),
      interrupted: signal?.aborted === true,
    };
  });
}

async function runOnce(options: DrillVerbOptions, seed: number, folder: string): Promise<DrillReport> {
  const { lab, target, drill, now, say, signal } = options;
  // Until the drill begins an interruption gives up an instance that is silent. What heals has to work after one as well: from then on the steps of the drill ask the signal themselves.
  const looking = new AbortController();
  const giveUp = () => looking.abort(signal?.reason);
  if (signal?.aborted === true) giveUp();
  signal?.addEventListener("abort", giveUp);
  const letGo = () => signal?.removeEventListener("abort", giveUp);
  return withSession({ ...options, signal: looking.signal }, async (session) => {
    const { rows, healthy, findings } = await readStatus(session).finally(letGo);
    if (!healthy)
      throw notHealthyBefore(
        lab.name,
        findings.filter(({ severity }) => severity !== "note").map(({ text }) => text),
      );
    const version = session.placement.version.text;
    assertFits(drill, session.placement, rows);
    const { times } = drillLayout(lab);
    const { expectations, rows: because } = expectedOf(drill, lab.layout.kind, version);
    const expect = merged(expectations, options.expect === undefined ? [] : parseExpectations(options.expect));
    const at = join(folder, `${drill.name}-${stampOf(now())}-${seed}`);
    await makeFolder(at);
    const load = {
      ...drill.load,
      ...(options.rate !== undefined && { rate: options.rate }),
      ...(options.wait !== undefined && { wait: options.wait }),
    };
    const ports = drillPorts(session, { verbs: { ...options, signal: undefined }, load, seed, say });
    const run = await runDrillScenario(ports, {
      drill: { ...drill, load },
      folder: at,
      header: {
        format: 1,
        lab: lab.name,
        target,
        layout: lab.layout.kind,
        version,
        drill: drill.name,
        seed,
        settings: {
          load,
          drill: {
            ...times,
            expect: expect.map(({ text }) => text).join(","),
            because: because.flatMap(({ why, source }) => (why === "" ? [] : [`${why} (${source})`])),
          },
        },
      },
      times,
      random: randomFrom(seed),
      now,
      signal,
    });
    const undone = await ports.undo().then(
      () => [],
      (error: unknown) => [whatOf(error)],
    );
    const report = await judgeFolder(at, undefined, [...run.left, ...undone]);
    await writeAtomically(join(at, HISTORY_FILES.report), `${JSON.stringify(report, null, 2)}\n`);
    return report;
  }).finally(letGo);
}

export function distributionOf(reports: readonly DrillReport[]): Readonly<Record<string, Distribution>> {
  const names = [...new Set(reports.flatMap(({ figures }) => Object.keys(figures)))];
  return Object.fromEntries(
    names.map((name) => {
      const values = reports.flatMap(({ figures }) => figures[name] ?? []).sort((a, b) => a - b);
      const middle = Math.floor(values.length / 2);
      const median = values.length % 2 === 1 ? values[middle] : ((values[middle - 1] ?? 0) + (values[middle] ?? 0)) / 2;
      return [name, { min: values[0] ?? 0, median: median ?? 0, max: values.at(-1) ?? 0 }];
    }),
  );
}
