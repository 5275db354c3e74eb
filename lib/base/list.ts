const OR = new Intl.ListFormat("en-GB", { type: "disjunction" });
const AND = new Intl.ListFormat("en-GB", { type: "conjunction" });

/** `a, b or c`. */
export function oneOf(words: readonly string[]): string {
  return OR.format(words);
}

/** `a, b and c`. */
export function allOf(words: readonly string[]): string {
  return AND.format(words);
}
