/** A time in which operations of a shard failed, as its clients saw it: from the last acknowledgement before to the first one after. */
export interface Gap {
  /** Monotonic microseconds. */
  readonly from: number;
  /** Undefined where the load ended before anything was acknowledged again. */
  readonly to: number | undefined;
  readonly firstError: number;
  readonly lastError: number;
  /** Operations that failed, or that were not answered, in it. */
  readonly errors: number;
}

/** So many gaps of a shard are kept, the longest. */
export const MOST_GAPS = 20;

/** Finds the gaps of one shard. Outcomes come in the order of their times. */
export class Gaps {
  readonly #ended: Gap[] = [];
  #count = 0;
  #open: { from: number; firstError: number; lastError: number; errors: number } | undefined;
  #acknowledged: number;

  /** @param beginning of the load: where nothing was acknowledged before */
  constructor(beginning: number) {
    this.#acknowledged = beginning;
  }

  acknowledged(at: number): void {
    const gap = this.#open;
    if (gap !== undefined) {
      this.#open = undefined;
      this.#keep({ ...gap, to: at });
    }
    this.#acknowledged = at;
  }

  failed(at: number, count = 1): void {
    this.#open ??= { from: this.#acknowledged, firstError: at, lastError: at, errors: 0 };
    this.#open.lastError = at;
    this.#open.errors += count;
  }

  /** How many there were, the last one without an end included. */
  get count(): number {
    return this.#count + (this.#open === undefined ? 0 : 1);
  }

  /** The longest, in the order of time. */
  get longest(): readonly Gap[] {
    return [...this.#ended, ...(this.#open === undefined ? [] : [{ ...this.#open, to: undefined }])].sort((a, b) => a.from - b.from);
  }

  #keep(gap: Gap): void {
    this.#count += 1;
    this.#ended.push(gap);
    if (this.#ended.length <= MOST_GAPS) return;
    const shortest = this.#ended.reduce((least, each, index, all) => (lengthOf(each) < lengthOf(all[least] as Gap) ? index : least), 0);
    this.#ended.splice(shortest, 1);
  }
}

function lengthOf({ from, to }: Gap): number {
  return (to ?? Number.POSITIVE_INFINITY) - from;
}
