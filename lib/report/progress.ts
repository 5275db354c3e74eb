import type { Emit } from "../base/events.ts";

/** Where progress goes: events in, and an end that leaves the screen in order. */
export interface Progress {
  readonly emit: Emit;
  /** Closes the display. `failed` leaves it as it is, for the error that follows. */
  end(failed: boolean): Promise<void>;
}

/** No display at all: for `--json` and for verbs that only look. Warnings are kept: they must reach the user somehow. */
export function quietProgress(write: (line: string) => void): Progress {
  return {
    emit: (event) => (event.type === "notice" && event.level === "warning" ? write(`warning: ${event.text}`) : undefined),
    end: async () => {},
  };
}

/** A step that ends within this time is reported by its end alone; one that speaks is repeated after five of these. In milliseconds. */
const PATIENCE_MS = 1_000;

/** A step that has started and not ended. */
interface Running {
  readonly timer: NodeJS.Timeout;
  /** What to write when it takes longer than a moment: the beginning, then the last it said. */
  waiting: string[];
  toldAt: number | undefined;
}

/**
 * One line an event, for logs and CI: `HOST STEP STATE: detail`. Unchanged steps are left out, and of a step that ends at once its beginning; what a step says while it
 * works is reported every five seconds.
 *
 * @param now milliseconds on any steady clock
 */
export function lineProgress(write: (line: string) => void, now: () => number): Progress {
  const running = new Map<string, Running>();
  const flush = (key: string) => {
    const step = running.get(key);
    if (step === undefined || step.waiting.length === 0) return;
    for (const line of step.waiting) write(line);
    step.waiting = [];
    step.toldAt = now();
  };
  const begin = (key: string, line: string) => {
    clearTimeout(running.get(key)?.timer);
    const timer = setTimeout(() => flush(key), PATIENCE_MS);
    timer.unref();
    running.set(key, { timer, waiting: [line], toldAt: undefined });
  };
  const end = (key: string) => {
    clearTimeout(running.get(key)?.timer);
    running.delete(key);
  };
  return {
    emit(event) {
      if (event.type === "notice") return write(`${event.level}: ${event.text}`);
      const who = `${event.host ?? "lab"} ${event.step}`;
      const failed = event.type === "step" && event.state === "failed";
      const detail = event.detail === undefined ? "" : `: ${failed ? event.detail : shortDetail(event.detail)}`;
      if (event.type === "progress") {
        const step = running.get(who);
        if (step === undefined) begin(who, `${who}${detail}`);
        else if (step.toldAt === undefined) step.waiting = [...step.waiting.slice(0, 1), `${who}${detail}`];
        else if (now() - step.toldAt >= 5 * PATIENCE_MS) {
          write(`${who}${detail}`);
          step.toldAt = now();
        }
        return;
      }
      switch (event.state) {
        case "started":
          return begin(who, `${who} started${detail}`);
        case "changed":
        case "failed":
          end(who);
          return write(`${who} ${event.state}${detail}`);
        case "unchanged":
        case "not-applicable":
          return end(who);
        default:
          return event.state satisfies never;
      }
    },
    end: async () => {
      for (const key of [...running.keys()]) end(key);
    },
  };
}

/** The longest list in a line of progress, in entries; the errors and `plan` tell all. */
const LONGEST_LIST = 2;

/** A detail as progress shows it: one line, and of a list of many things the first and how many more. */
export function shortDetail(detail: string): string {
  const line = detail.split("\n")[0] ?? "";
  const parts = line.split("; ");
  // Some lists say themselves how many they left out.
  const left = /^and (\d+) more$/.exec(parts.at(-1) ?? "")?.[1];
  const more = left === undefined ? parts.length - 1 : parts.length - 2 + Number(left);
  return parts.length <= LONGEST_LIST ? line : `${parts[0]} and ${more} more`;
}
