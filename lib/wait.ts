import { setTimeout as delay } from "node:timers/promises";
import { LabError } from "./error.ts";

export interface WaitOptions {
  /** What is waited for, as the end of "waiting for …"; part of the error. */
  readonly what: string;
  /** Longest wait, in milliseconds. */
  readonly timeoutMs: number;
  /** Shortest pause between two looks, in milliseconds. A look that took longer is followed by as long a pause, so that who is waited for gets its turn. @default 100 */
  readonly intervalMs?: number;
  /** Told what is still missing after each look that was not satisfied. */
  readonly onPending?: (missing: string) => void;
  readonly signal?: AbortSignal;
  /** The next command to suggest when time runs out. @default "Run the same command again: it continues where it stopped." */
  readonly next?: string;
}

/** The answer of one look: done with a value, or what was not seen yet. */
export type Look<T> = { readonly done: true; readonly value: T } | { readonly done: false; readonly missing: string };

/**
 * The one way of waiting in redis-lab: looks until `look` is done, and fails with what was not seen. A look that throws ends the wait with its error.
 *
 * @throws LabError `wait.timeout`
 */
export async function waitFor<T>(look: () => Promise<Look<T>>, options: WaitOptions): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const begin = performance.now();
    const seen = await look();
    const took = performance.now() - begin;
    if (seen.done) return seen.value;
    options.onPending?.(seen.missing);
    if (performance.now() >= deadline) {
      throw new LabError({
        code: "wait.timeout",
        what: `Waited ${Math.round(options.timeoutMs / 1000)} s for ${options.what}; not seen: ${seen.missing}.`,
        next: options.next ?? "Run the same command again: it continues where it stopped.",
      });
    }
    await delay(Math.max(options.intervalMs ?? 100, took), undefined, { ...(options.signal && { signal: options.signal }) });
  }
}
