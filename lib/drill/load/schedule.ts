/** When operations are due: one after the other at a rate, whatever becomes of them (an open loop). Times are microseconds. */
export class Schedule {
  readonly #begin: number;
  readonly #interval: number;
  readonly #end: number;
  #next = 0;

  /** @param rate operations a second @param forMs for how long operations become due; for ever where undefined */
  constructor(begin: number, rate: number, forMs: number | undefined) {
    this.#begin = begin;
    this.#interval = 1_000_000 / rate;
    this.#end = forMs === undefined ? Number.POSITIVE_INFINITY : begin + forMs * 1000;
  }

  /** When the next one is due; undefined when there is none any more. */
  get next(): number | undefined {
    const due = this.#begin + this.#next * this.#interval;
    return due < this.#end ? due : undefined;
  }

  /** How many became due. */
  get count(): number {
    return this.#next;
  }

  take(): void {
    this.#next += 1;
  }
}
