import { Op, Token } from "cdktf";

/** An amount of memory or disk, so that no number goes without its unit. Binary units: a GiB is 1024 MiB. */
export class Size {
  /** @param amount whole and positive, or a token, whose value Terraform checks */
  static mebibytes(amount: number): Size {
    return new Size(amount);
  }

  /** @param amount positive, a whole number of MiB, such as 1.5; or a token */
  static gibibytes(amount: number): Size {
    return new Size(times(amount, 1024));
  }

  readonly #mebibytes: number;

  private constructor(mebibytes: number) {
    if (!Token.isUnresolved(mebibytes) && (!Number.isInteger(mebibytes) || mebibytes <= 0))
      throw new RangeError(`a size must be a whole, positive number of MiB, not ${mebibytes}`);
    this.#mebibytes = mebibytes;
  }

  toMebibytes(): number {
    return this.#mebibytes;
  }

  toBytes(): number {
    return times(this.#mebibytes, 1024 * 1024);
  }
}

/** A token is a number that stands for an expression: Terraform has to do the sum. */
function times(amount: number, factor: number): number {
  return Token.isUnresolved(amount) ? Op.mul(amount, factor) : amount * factor;
}
