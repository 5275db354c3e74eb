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
  let timer: NodeJS.Timeout | undefined;
  const begin = () => {
    timer = setTimeout(giveUp, PATIENCE_MS);
  };
  if (signal.aborted) begin();
  else signal.addEventListener("abort", begin, { once: true });
  return () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", begin);
  };
}
