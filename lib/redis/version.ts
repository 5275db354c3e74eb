import type { Product } from "./products/product.ts";

/**
 * A version of a product: what a lab declares, a source tree says of itself, or a server reports. It is not text, so that nothing is decided by taking one apart: in what versions
 * differ is a field of their line, and `wordsOf` gives the line. There is one object for each product and text, so `===` compares.
 */
export class Version {
  static readonly #made = new Map<Product, Map<string, Version>>();
  readonly product: Product;
  /** For people and documents, for example `7.0.15`; empty where a server reports none. */
  readonly text: string;

  private constructor(product: Product, text: string) {
    this.product = product;
    this.text = text;
  }

  static of(product: Product, text: string): Version {
    const made = Version.#made.get(product) ?? new Map<string, Version>();
    Version.#made.set(product, made);
    const version = made.get(text) ?? new Version(product, text);
    made.set(text, version);
    return version;
  }

  /** For people, for example `Redis 7.0.15`. */
  get title(): string {
    return `${this.product.title} ${this.text}`;
  }

  toString(): string {
    return this.text;
  }

  toJSON(): string {
    return this.text;
  }
}
