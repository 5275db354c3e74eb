import { DefaultRenderer, Listr, ListrLogger, type ListrTaskWrapper, ProcessOutput } from "listr2";
import type { LabEvent } from "../events.ts";
import { progressColours as pc } from "./colours.ts";
import { type Progress, shortDetail } from "./progress.ts";

/** One line of the display: a host, or the lab as a whole. Always exactly one line, so that nothing jumps. */
interface Row {
  readonly title: string;
  readonly finish: (error?: Error) => void;
  readonly done: Promise<void>;
  task: Pick<ListrTaskWrapper<unknown, never, never>, "title"> | undefined;
  /** The step that runs now, since when (milliseconds), and what it says. */
  current: { readonly step: string; readonly since: number; detail: string } | undefined;
  /** Steps that changed something, in order, each once. */
  readonly steps: Set<string>;
  changed: number;
  failed: string | undefined;
}

/** The display belongs to standard error and may be there while standard output is a file; listr2 would look at the latter. */
class StderrRenderer extends DefaultRenderer {
  static override nonTTY = true;
}

/** How often elapsed times are brought up to date, in milliseconds. */
const REFRESH_MS = 250;

/** A live display: one line for each host and one for the lab, with the step that runs there, its elapsed seconds and what it says; at the end what was changed. */
export function terminalProgress(lab: string, hosts: readonly string[], now: () => number, signal?: AbortSignal): Progress {
  const rows = new Map(hosts.map((name) => [name, newRow(name)]));
  const labRow = newRow(lab);
  const all = [...rows.values(), labRow];
  const width = Math.max(...all.map(({ title }) => title.length));
  const notices: string[] = [];
  let interrupted = false;
  const list = new Listr<unknown, typeof StderrRenderer, typeof StderrRenderer>(
    all.map((row) => ({
      title: row.title,
      task: async (_, task) => {
        row.task = task;
        await row.done;
      },
    })),
    {
      concurrent: true,
      exitOnError: false,
      // The command line ends tidily on Ctrl-C; listr2 would end the process.
      registerSignalListeners: false,
      renderer: StderrRenderer,
      rendererOptions: {
        formatOutput: "truncate",
        collapseErrors: false,
        showErrorMessage: false,
        logger: new ListrLogger({ useIcons: true, processOutput: new ProcessOutput(process.stderr, process.stderr) }),
      },
    },
  );
  const show = (row: Row) => {
    const state = row === labRow && interrupted ? pc.yellow("interrupted; ending what runs (again to leave at once)") : stateOf(row, now());
    if (row.task !== undefined) row.task.title = `${pc.bold(row.title.padEnd(width))}  ${state}`;
  };
  const refresh = setInterval(() => all.forEach(show), REFRESH_MS);
  refresh.unref();
  signal?.addEventListener("abort", () => {
    interrupted = true;
    show(labRow);
  });
  const running = list.run().catch(() => undefined);

  return {
    emit(event) {
      if (event.type === "notice") {
        notices.push(event.level === "warning" ? pc.yellow(`warning: ${event.text}`) : event.text);
        return;
      }
      const row = event.host === undefined ? labRow : rows.get(event.host);
      if (row === undefined) return;
      update(row, event, now());
      show(row);
    },
    async end(failed) {
      clearInterval(refresh);
      for (const row of all) {
        const stopped = failed && row.current !== undefined && row.failed === undefined ? `stopped at ${row.current.step}` : undefined;
        const summary = row === labRow ? totalOf(all) : summaryOf(row);
        const end = row.failed === undefined ? (stopped ?? summary) : pc.red(row.failed);
        if (row.task !== undefined) row.task.title = `${pc.bold(row.title.padEnd(width))}  ${end}`;
        row.finish(row.failed === undefined && stopped === undefined ? undefined : new Error("stopped"));
      }
      await running;
      for (const notice of notices) process.stderr.write(`${notice}\n`);
    },
  };
}

function newRow(title: string): Row {
  let finish: (error?: Error) => void = () => {};
  const done = new Promise<void>((resolve, reject) => {
    finish = (error) => (error === undefined ? resolve() : reject(error));
  });
  // A row that nobody waits for any more must not end the process.
  done.catch(() => undefined);
  return { title, done, finish, task: undefined, current: undefined, steps: new Set(), changed: 0, failed: undefined };
}

function update(row: Row, event: Exclude<LabEvent, { type: "notice" }>, now: number): void {
  const detail = shortDetail(event.detail ?? "");
  if (event.type === "progress") {
    if (row.current?.step === event.step) row.current.detail = detail;
    else row.current = { step: event.step, since: now, detail };
    return;
  }
  switch (event.state) {
    case "started":
      row.current = { step: event.step, since: row.current?.step === event.step ? row.current.since : now, detail };
      break;
    case "changed":
      row.changed += 1;
      row.steps.add(event.step);
      row.current = undefined;
      break;
    case "failed":
      row.failed = `${event.step} failed${detail === "" ? "" : `: ${event.detail}`}`;
      row.current = undefined;
      break;
    case "unchanged":
    case "not-applicable":
      if (row.current?.step === event.step) row.current = undefined;
      break;
  }
}

function stateOf(row: Row, now: number): string {
  if (row.failed !== undefined) return pc.red(row.failed);
  if (row.current === undefined) return row.changed === 0 ? "" : pc.dim(summaryOf(row));
  const { step, since, detail } = row.current;
  const seconds = Math.floor((now - since) / 1000);
  return [step, ...(seconds === 0 ? [] : [pc.cyan(`${seconds} s`)]), pc.dim(detail)].join("  ");
}

function summaryOf({ changed, steps }: Row): string {
  return changed === 0 ? "unchanged" : `${changed} changed: ${[...steps].join(", ")}`;
}

function totalOf(rows: readonly Row[]): string {
  return `${rows.reduce((sum, { changed }) => sum + changed, 0)} changed`;
}
