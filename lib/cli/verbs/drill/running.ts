import type { Emit } from "../../../base/events.ts";
import { findDrill, type KnownDrill, knownDrills } from "../../../operations/drill/find.ts";
import { listDrills, listFigures } from "../../../operations/drill/fits.ts";
import { runMatrix, type Varied } from "../../../operations/drill/matrix.ts";
import { type DrillRunReport, runDrills } from "../../../operations/drill/run.ts";
import { formatDrillList, formatMetrics } from "../../../report/drill/list.ts";
import { formatMatrix } from "../../../report/drill/matrix.ts";
import { formatDrillRuns } from "../../../report/drill/story.ts";
import { say } from "../../../report/print.ts";
import { confirm } from "../../confirm.ts";
import { placementOf, printResult, type ReportContext, type VerbContext } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";

export async function list(context: ReportContext<"drill list">, { metrics }: { readonly metrics: boolean }): Promise<number> {
  const drills = listDrills(knownDrills(context.project), placementOf(context));
  const figures = listFigures();
  printResult(context, { drills, figures }, metrics ? formatMetrics(figures, context) : formatDrillList(drills, context));
  return EXIT.done;
}

interface RunningOptions {
  readonly expect: string | undefined;
  readonly runs: number;
  readonly seed: number;
  readonly rate: number | undefined;
  readonly yes: boolean;
}

export async function run(
  context: ReportContext<"drill run">,
  options: RunningOptions,
  { names }: { readonly names: readonly string[] },
): Promise<number> {
  const known = knownDrills(context.project);
  const drills = names.map((name) => findDrill(known, name));
  await askFirst(context, drills, options.yes);
  const reports: DrillRunReport[] = [];
  const quiet = quietly(context);
  for (const drill of drills) {
    if (context.signal.aborted) break;
    reports.push(await runDrills({ ...quiet, ...asked(options), drill, now: () => new Date(), say: sayStep(context) }));
  }
  printResult(context, { drills: reports }, reports.map((report) => formatDrillRuns(report, context)).join("\n\n"));
  if (reports.some(({ interrupted }) => interrupted)) return EXIT.interrupted;
  return reports.every(({ passed }) => passed) ? EXIT.done : EXIT.failed;
}

export async function matrix(
  context: ReportContext<"drill matrix">,
  { set, ...options }: RunningOptions & { readonly set: readonly Varied[] },
  { name }: { readonly name: string },
): Promise<number> {
  const drill = findDrill(knownDrills(context.project), name);
  await askFirst(context, [drill], options.yes);
  const report = await runMatrix({
    ...quietly(context),
    ...asked(options),
    vary: set,
    drill,
    now: () => new Date(),
    say: sayStep(context),
  });
  printResult(context, report, formatMatrix(report, context));
  if (report.interrupted) return EXIT.interrupted;
  return report.rows.every(({ passed }) => passed) ? EXIT.done : EXIT.failed;
}

function asked({ expect, runs, seed, rate }: RunningOptions) {
  return { expect, runs, seed, ...(rate !== undefined && { rate }) };
}

/** Of the verbs that a drill uses nothing is shown but warnings, each once: the story is the drill's own. */
function quietly<Context extends VerbContext>(context: Context): Context & { readonly emit: Emit } {
  const said = new Set<string>();
  return {
    ...context,
    emit: (event) => {
      if (event.type !== "notice" || event.level !== "warning" || said.has(event.text)) return;
      said.add(event.text);
      say(`${event.text}\n`, false);
    },
  };
}

function sayStep({ json }: VerbContext): (text: string) => void {
  const begun = performance.now();
  return (text) => {
    if (!json) say(`${((performance.now() - begun) / 1_000).toFixed(1).padStart(7)} s  ${text}\n`, false);
  };
}

async function askFirst({ lab, target, signal }: VerbContext, drills: readonly KnownDrill[], yes: boolean): Promise<void> {
  if (lab.disposable) return;
  await confirm(`Break "${lab.name}" on ${target} (${drills.map(({ name }) => name).join(", ")})? Data may be lost.`, yes, signal);
}
