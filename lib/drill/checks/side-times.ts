/** A stretch of time in microseconds. */
export interface Stretch {
  readonly fromMicros: number;
  readonly toMicros: number;
}

/** Acknowledgements and errors of one shard and one side of it (writes or reads), as they come. */
export class SideTimes {
  /** Errors and silences before it do not count: they are no news of the fault. */
  readonly #sinceMicros: number;
  #lastAck: number | undefined;
  #longest: Stretch | undefined;
  #firstError: number | undefined;
  #lastError: number | undefined;

  constructor(sinceMicros: number) {
    this.#sinceMicros = sinceMicros;
  }

  acknowledged(t: number): void {
    const before = this.#lastAck;
    if (before === undefined || t > before) this.#lastAck = t;
    if (before === undefined || t < this.#sinceMicros) return;
    if (this.#longest === undefined || t - before > this.#longest.toMicros - this.#longest.fromMicros)
      this.#longest = { fromMicros: before, toMicros: Math.max(before, t) };
  }

  /** @param begun when the operation was begun that failed */
  failed(begun: number, t: number): void {
    if (t < this.#sinceMicros) return;
    if (this.#firstError === undefined || begun < this.#firstError) this.#firstError = Math.max(begun, this.#sinceMicros);
    if (this.#lastError === undefined || t > this.#lastError) this.#lastError = t;
  }

  get lastAcknowledged(): number | undefined {
    return this.#lastAck;
  }

  /** From the first error to the last; undefined where there was none. */
  get outage(): Stretch | undefined {
    if (this.#firstError === undefined || this.#lastError === undefined) return undefined;
    return { fromMicros: this.#firstError, toMicros: this.#lastError };
  }

  /** The longest silence between two acknowledgements; one that lasted to the end counts up to there. */
  longest(endMicros: number): Stretch | undefined {
    const last = this.#lastAck ?? this.#sinceMicros;
    const open = endMicros > last && (this.#lastAck !== undefined || this.#lastError !== undefined) ? endMicros - last : 0;
    const known = this.#longest === undefined ? 0 : this.#longest.toMicros - this.#longest.fromMicros;
    return open > known ? { fromMicros: last, toMicros: endMicros } : this.#longest;
  }
}
