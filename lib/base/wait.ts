import { setTimeout as delay } from "node:timers/promises";
import { LabError } from "./error.ts";

/** The longest time-out that a timer takes, in milliseconds: 25 days, for what ends when it is interrupted. */
export const NO_TIMEOUT_MS = 2 ** 31 - 1;

export interface WaitOptions {
  /** What is waited for, as the end of "waiting for …"; part of the error. */
  readonly what: string;
  /** Longest wait, in milliseconds; without a step forward, where looks count what is left. */
  readonly timeoutMs: number;
  /** Shortest pause between two looks, in milliseconds. A look that took longer is followed by as long a pause, so that who is waited for gets its turn. @default 100 */
  readonly intervalMs?: number;
  /** Called with what is still missing after each look that was not satisfied. */
  readonly onPending?: (missing: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** The next command to suggest when time runs out. @default "Run the same command again: it continues where it stopped." */
  readonly next?: string | undefined;
}

/** The answer of one look: done with a value, or what was not seen yet. `left`: how much of it, where that can be counted; while it becomes less than ever before, the time begins again. */
export type Attempt<T> =
  | { readonly done: true; readonly value: T }
  | { readonly done: false; readonly missing: string; readonly left?: number | undefined };

/**
 * The one way of waiting in redis-lab: looks until `look` is done, and fails with what was not seen. A look that throws ends the wait with its error.
 *
 * @throws LabError `wait.timeout`
 */
export async function waitFor<T>(look: () => Promise<Attempt<T>>, options: WaitOptions): Promise<T> {
  let deadline = performance.now() + options.timeoutMs;
  let least = Number.POSITIVE_INFINITY;
  for (;;) {
    options.signal?.throwIfAborted();
    const begin = performance.now();
    const seen = await look();
    const took = performance.now() - begin;
    if (seen.done) return seen.value;
    options.onPending?.(seen.missing);
    if (seen.left !== undefined && seen.left < least) {
      // What is counted for the first time is not a step forward.
      if (least !== Number.POSITIVE_INFINITY) deadline = performance.now() + options.timeoutMs;
      least = seen.left;
    }
    if (performance.now() >= deadline) {
      throw new LabError({
        code: "wait.timeout",
        kind: "environment",
        what: `Waited ${Math.round(options.timeoutMs / 1000)} s for ${options.what}; not seen: ${seen.missing}.`,
        next: options.next ?? "Run the same command again: it continues where it stopped.",
      });
    }
    await delay(Math.max(options.intervalMs ?? 100, took), undefined, { signal: options.signal });
  }
}
