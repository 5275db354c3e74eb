/** When operations are due: one after the other at a rate, whatever becomes of them (an open loop). Times are microseconds; operations are numbered from 0. */
export class Schedule {
  readonly #begin: number;
  readonly #interval: number;
  /** How many there are in all. */
  readonly #all: number;
  #count = 0;

  /** @param rate operations a second @param forMs for how long operations become due; for ever where undefined */
  constructor(begin: number, rate: number, forMs: number | undefined) {
    this.#begin = begin;
    this.#interval = 1_000_000 / rate;
    this.#all = forMs === undefined ? Number.POSITIVE_INFINITY : this.#before(begin + forMs * 1000);
  }

  /** When the next one is due; undefined when there is none any more. */
  get next(): number | undefined {
    return this.#count < this.#all ? this.dueOf(this.#count) : undefined;
  }

  /** How many became due. */
  get count(): number {
    return this.#count;
  }

  dueOf(number: number): number {
    return this.#begin + number * this.#interval;
  }

  /** All that are due by now have become due. */
  advance(now: number): void {
    this.#count = Math.max(this.#count, this.dueBefore(now + 1));
  }

  /** How many are due before a moment. */
  dueBefore(moment: number): number {
    return Math.min(this.#all, this.#before(moment));
  }

  #before(moment: number): number {
    let count = Math.max(0, Math.ceil((moment - this.#begin) / this.#interval));
    // A division is off by a part of a billionth.
    while (count > 0 && this.dueOf(count - 1) >= moment) count -= 1;
    while (this.dueOf(count) < moment) count += 1;
    return count;
  }
}
