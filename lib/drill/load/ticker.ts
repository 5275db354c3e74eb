import { micros } from "../clock.ts";

/** Wakes the loop of a load. */
export interface Ticker {
  /** Calls `wake` at a moment in monotonic microseconds, or as soon after it as it can; the last call counts. */
  at(moment: number, wake: () => void): void;
  stop(): void;
}

/** By timers of Node, which know milliseconds. */
export function timerTicker(): Ticker {
  let timer: NodeJS.Timeout | undefined;
  return {
    at(moment, wake) {
      clearTimeout(timer);
      timer = setTimeout(wake, Math.max(1, Math.floor((moment - micros()) / 1000)));
    },
    stop: () => clearTimeout(timer),
  };
}
