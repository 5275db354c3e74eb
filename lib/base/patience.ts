import { afterOwnTime, type OwnTime } from "./own-time.ts";

/**
 * How long, after an interruption, what is under way may stay without an answer, in milliseconds. Long enough for a busy server to answer what closes a slot or lifts a fence, and short enough
 * for a person who has pressed Ctrl-C.
 */
export const PATIENCE_MS = 1_500;

/**
 * Calls `giveUp` when the patience after an interruption is over; counted from now where the interruption has been.
 *
 * @returns ends the watching: the answer has come
 */
export function afterPatience(signal: AbortSignal | undefined, giveUp: () => void): () => void {
  if (signal === undefined) return () => {};
  let silence: OwnTime | undefined;
  const begin = () => {
    silence = afterOwnTime(PATIENCE_MS, giveUp);
  };
  if (signal.aborted) begin();
  else signal.addEventListener("abort", begin, { once: true });
  return () => {
    silence?.cancel();
    signal.removeEventListener("abort", begin);
  };
}
