import { setMaxListeners } from "node:events";
import { EXIT } from "./exit-codes.ts";

export interface Interruption {
  /** Aborted by the first signal: the steps that run come to their end, no other begins. */
  readonly signal: AbortSignal;
  /** Does the same without a signal. */
  abort(): void;
}

/**
 * Answers SIGINT, SIGTERM and SIGHUP: the first of them lets the steps that run come to their end, a second one leaves at once. A terminal that is closed
 * says SIGHUP more than once, from its shell and from the kernel: that is one wish to end, and after another signal none.
 *
 * @param say called at the first one
 */
export function answerSignals(say: () => void): Interruption {
  const interruption = new AbortController();
  // Everything that waits listens to it; with many nodes that is not a leak.
  setMaxListeners(0, interruption.signal);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (!interruption.signal.aborted) {
        say();
        interruption.abort();
      } else if (signal !== "SIGHUP") process.exit(EXIT.interrupted);
    });
  }
  return { signal: interruption.signal, abort: () => interruption.abort() };
}

/**
 * Keeps a run going whose output is not read any more.
 *
 * @param onClosed standard output is a pipe that its reader has closed (`| head`)
 */
export function outliveReaders(onClosed: () => void): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // EIO: the terminal is gone, and the signal that says so decides.
      if (error.code === "EIO") return;
      if (error.code !== "EPIPE") throw error;
      if (stream === process.stdout) onClosed();
    });
  }
}
