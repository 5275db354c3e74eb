/** What became of a write; later ones win where one was tried again. */
export const WRITE = { none: 0, failed: 1, open: 2, unknown: 3, acknowledged: 4 } as const;
/** Set where its final value was looked at. */
const LOOKED = 8;

/** A history that jumps further than this beyond its count of writes was not written by our load. */
const SLACK = 1_024;

/** The writes of one writer, which count up from 1, with gaps where it does other things: five bytes for each. */
export class WriteLog {
  #states = new Uint8Array(256);
  /** What the key begins with, as a number. */
  #series = new Uint32Array(256);
  #invoked = 0;
  #highest = 0;

  /** @returns false for a sequence number that no writer has come to yet */
  invoke(sequence: number, series: number): boolean {
    this.#invoked += 1;
    if (sequence > 2 * this.#invoked + SLACK) return false;
    if (sequence >= this.#states.length) {
      const length = Math.max(sequence + 1, this.#states.length * 2);
      const [states, all] = [new Uint8Array(length), new Uint32Array(length)];
      states.set(this.#states);
      all.set(this.#series);
      this.#states = states;
      this.#series = all;
    }
    this.#series[sequence] = series;
    this.#highest = Math.max(this.#highest, sequence);
    this.settle(sequence, WRITE.open);
    return true;
  }

  settle(sequence: number, state: number): void {
    const before = this.stateOf(sequence);
    // One that is tried again: what was acknowledged stays so, and what had no answer may have been done the first time.
    if (before === WRITE.acknowledged || (before === WRITE.unknown && state !== WRITE.acknowledged)) return;
    this.#states[sequence] = state;
  }

  stateOf(sequence: number): number {
    return (this.#states[sequence] ?? 0) & ~LOOKED;
  }

  seriesOf(sequence: number): number | undefined {
    return this.#series[sequence];
  }

  look(sequence: number): void {
    this.#states[sequence] = (this.#states[sequence] ?? 0) | LOOKED;
  }

  /** How many are in a state, and of how many of them no final value was read. */
  count(state: number): { readonly all: number; readonly unseen: number } {
    let all = 0;
    let unseen = 0;
    for (let sequence = 0; sequence <= this.#highest; sequence += 1) {
      const value = this.#states[sequence] ?? 0;
      if ((value & ~LOOKED) !== state) continue;
      all += 1;
      if ((value & LOOKED) === 0) unseen += 1;
    }
    return { all, unseen };
  }
}
