/** An amount of memory or disk, so that no number goes without its unit. Binary units: a GiB is 1024 MiB. */
export class Size {
  /** @param amount whole and positive */
  static mebibytes(amount: number): Size {
    return new Size(amount);
  }

  /** @param amount positive; a whole number of MiB, such as 1.5 */
  static gibibytes(amount: number): Size {
    return new Size(amount * 1024);
  }

  readonly #mebibytes: number;

  private constructor(mebibytes: number) {
    if (!Number.isInteger(mebibytes) || mebibytes <= 0)
      throw new RangeError(`a size must be a whole, positive number of MiB, not ${mebibytes}`);
    this.#mebibytes = mebibytes;
  }

  toMebibytes(): number {
    return this.#mebibytes;
  }

  toBytes(): number {
    return this.#mebibytes * 1024 * 1024;
  }
}
