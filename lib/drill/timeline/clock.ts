/** One look at the clock of a host: what it said, and between which moments of ours, in microseconds. */
export interface ClockLook {
  readonly sentMicros: number;
  readonly receivedMicros: number;
  /** Microseconds since the epoch. */
  readonly saidMicros: number;
}

/** How far the clock of a host is from our monotonic one, known as well as its round trips were short. */
export class HostClock {
  #offset: number | undefined;
  #error = 0;
  #looks = 0;

  /** @returns by how many microseconds it jumped since the look before, where that is more than the round trips can hide */
  look({ sentMicros, receivedMicros, saidMicros }: ClockLook): number | undefined {
    const error = Math.max(1, (receivedMicros - sentMicros) / 2);
    const offset = saidMicros - (sentMicros + receivedMicros) / 2;
    const before = this.#offset;
    const off = before === undefined ? 0 : offset - before;
    const jumped = before !== undefined && Math.abs(off) > error + this.#error + JUMP_MICROS;
    this.#looks += 1;
    // The best look so far counts, until the clock is another one, or that look is so old that the clocks may have drifted apart.
    if (before === undefined || jumped || error <= this.#error || this.#looks > LOOKS_OF_ONE) {
      this.#offset = offset;
      this.#error = error;
      this.#looks = 0;
    }
    return jumped ? Math.round(off) : undefined;
  }

  /** A time of the host as one of ours; undefined before the first look. @param wallMicros since the epoch */
  toMonotonic(wallMicros: number): { readonly t: number; readonly error: number } | undefined {
    return this.#offset === undefined ? undefined : { t: Math.round(wallMicros - this.#offset), error: Math.ceil(this.#error) };
  }
}

/** What NTP may set a clock by, and a busy computer adds to a look. */
const JUMP_MICROS = 250_000;
const LOOKS_OF_ONE = 100;
