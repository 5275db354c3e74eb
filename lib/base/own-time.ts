/** A time-out that can be given up, or begin again. */
export interface OwnTime {
  cancel(): void;
  refresh(): void;
}

/** In how many pieces a time is counted. */
const PIECES = 8;

/**
 * Calls `over` after `ms` milliseconds in which this process got its turn. On a computer that is busier than it can be, a process may be kept waiting for seconds, and its timers then run before it reads what arrived
 * meanwhile: an answer that is there would count as missing. So the time is counted in pieces, one that came late counts as what it was to be, and after a late one there is another.
 */
export function afterOwnTime(ms: number, over: () => void): OwnTime {
  const piece = Math.max(1, ms / PIECES);
  let left = PIECES;
  let due = performance.now() + piece;
  const tick = () => {
    const late = performance.now() - due > piece / 2;
    left -= 1;
    if (left <= 0 && !late) {
      over();
      return;
    }
    due = performance.now() + piece;
    timer = setTimeout(tick, piece);
  };
  let timer = setTimeout(tick, piece);
  return {
    cancel: () => clearTimeout(timer),
    refresh: () => {
      left = PIECES;
      due = performance.now() + piece;
      timer.refresh();
    },
  };
}
