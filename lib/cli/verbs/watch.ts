import { setTimeout as delay } from "node:timers/promises";
import type { Status } from "../../operations/status.ts";
import { print, printJson } from "../../report/print.ts";
import { formatStatus } from "../../report/status.ts";
import { changedInstances, changesBetween, clock, watchScreen } from "../../report/watch.ts";
import { wrapLines } from "../../report/wrap.ts";
import { labelled, type ReportContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { openScreen } from "../screen.ts";

/** For how many looks a row stays marked. */
const MARKED_LOOKS = 5;

/** Looks again and again until it is interrupted. On a terminal on a screen of its own; elsewhere one status after the other, under `--json` one document a line. */
export async function watchStatus(context: ReportContext<"status">, seconds: number, look: () => Promise<Status>): Promise<number> {
  const screen = context.terminal ? openScreen(process.stdout) : undefined;
  const events: string[] = [];
  try {
    let before: Status | undefined;
    let marked: ReadonlyMap<string, number> = new Map();
    while (!context.signal.aborted) {
      const seen = await unlessAborted(look(), context.signal);
      if (seen === undefined) break;
      const at = clock(new Date());
      if (before !== undefined) {
        events.push(...changesBetween(before, seen).map((event) => `${at}  ${event}`));
        marked = remark(marked, changedInstances(before, seen));
      }
      before = seen;
      if (context.json) printJson(labelled(seen, context));
      else if (screen === undefined) print(`${at}\n${formatStatus(seen, context)}\n\n`);
      else {
        const width = context.width ?? 80;
        const status = wrapLines(formatStatus(seen, { ...context, width, terminal: true, changed: new Set(marked.keys()) }), width);
        const title = `${at}  ${context.lab.name} on ${context.target}, every ${seconds} s (Ctrl-C ends)`;
        screen.show(watchScreen({ title, status, events }, { rows: process.stdout.rows || undefined }));
      }
      // The pause is what the user asked for, not a wait for something.
      await delay(seconds * 1000, undefined, { signal: context.signal }).catch(() => undefined);
    }
  } finally {
    screen?.leave();
  }
  // What was seen to happen is kept: the screen is gone.
  if (screen !== undefined && events.length > 0) print(`${events.join("\n")}\n`);
  return EXIT.interrupted;
}

function remark(marked: ReadonlyMap<string, number>, changed: ReadonlySet<string>): ReadonlyMap<string, number> {
  const older = [...marked].flatMap(([id, left]) => (left > 1 ? [[id, left - 1] as const] : []));
  return new Map([...older, ...[...changed].map((id) => [id, MARKED_LOOKS] as const)]);
}

/** Undefined where the signal comes first: a look at a host that does not answer takes its time. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const aborted = new Promise<undefined>((resolve) => signal.addEventListener("abort", () => resolve(undefined), { once: true }));
  // What a look that nobody waits for ends with is no matter.
  work.catch(() => undefined);
  return Promise.race([work, aborted]);
}
