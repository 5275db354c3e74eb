import { DefaultRenderer, Listr, ListrLogger, type ListrTaskWrapper, ProcessOutput } from "listr2";
import { progressColours as pc } from "./colours.ts";
import { forTerminal, say, wantsColours } from "./print.ts";
import type { Progress } from "./progress.ts";
import { endOfHost, endOfLab, newRowState, type RowState, stateOf, updateRow } from "./progress-rows.ts";

/** One line of the display: a host, or the lab as a whole. Always exactly one line, so that nothing jumps. */
interface Row {
  readonly title: string;
  readonly finish: (error?: Error) => void;
  readonly done: Promise<void>;
  /** What it shows; a verb may end before its line is there. */
  text: string;
  task: Pick<ListrTaskWrapper<unknown, never, never>, "title"> | undefined;
  readonly state: RowState;
}

/** The display belongs to standard error and may be there while standard output is a file; listr2 would look at the latter. */
class StderrRenderer extends DefaultRenderer {
  static override nonTTY = true;
}

/** How often elapsed times are brought up to date, in milliseconds. */
const REFRESH_MS = 250;

/** A live display: one line for each host and one for the lab, with the step that runs there, its elapsed seconds and what it says; at the end what was changed there. */
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
        task.title = row.text;
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
    const state =
      row === labRow && interrupted ? pc.yellow("interrupted; ending what runs (again to leave at once)") : stateOf(row.state, now());
    setText(row, `${pc.bold(row.title.padEnd(width))}  ${state}`);
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
      updateRow(row.state, event, now());
      show(row);
      if (event.type !== "step" || event.state !== "changed") return;
      for (const host of event.hosts ?? []) {
        const also = rows.get(host);
        if (also === undefined) continue;
        updateRow(also.state, event, now());
        show(also);
      }
    },
    async end(failed) {
      clearInterval(refresh);
      for (const row of all) {
        const hosts = [...rows.values()].map(({ state }) => state);
        const { text, good } = row === labRow ? endOfLab(row.state, hosts, failed) : endOfHost(row.state, failed);
        setText(row, `${pc.bold(row.title.padEnd(width))}  ${text}`);
        row.finish(good ? undefined : new Error("stopped"));
      }
      await running;
      for (const notice of notices) say(`${notice}\n`);
    },
  };
}

function setText(row: Row, text: string): void {
  row.text = forTerminal(text, wantsColours(process.stderr));
  if (row.task !== undefined) row.task.title = row.text;
}

function newRow(title: string): Row {
  let finish: (error?: Error) => void = () => {};
  const done = new Promise<void>((resolve, reject) => {
    finish = (error) => (error === undefined ? resolve() : reject(error));
  });
  // A row that nobody waits for any more must not end the process.
  done.catch(() => undefined);
  return { title, done, finish, text: title, task: undefined, state: newRowState() };
}
