import { memoryBytes } from "../memory-units.ts";

/** What may stand behind a directive in redis.conf. Data only; `valueFault` reads it. Limits are included. */
export type ValueKind =
  | { readonly kind: "one-of"; readonly words: readonly string[] }
  /** Several of the words at once, but for `apart`, which exclude each other. */
  | { readonly kind: "some-of"; readonly words: readonly string[]; readonly apart: readonly string[] }
  | { readonly kind: "whole"; readonly least: bigint; readonly most: bigint }
  /** With Redis' units; with `percent` also `5%`. */
  | { readonly kind: "memory"; readonly least: number; readonly most: number; readonly percent: boolean }
  /** Access rights, in octal digits. */
  | { readonly kind: "mode" }
  /** Letters of this alphabet. */
  | { readonly kind: "letters"; readonly alphabet: string }
  /** `SECONDS CHANGES`, or an empty text; `several` of them on one line. */
  | { readonly kind: "save-points"; readonly several: boolean }
  /** `CLASS HARD SOFT SECONDS`; `several` of them on one line. */
  | { readonly kind: "buffer-limits"; readonly classes: readonly string[]; readonly several: boolean }
  /** `count` whole numbers. */
  | { readonly kind: "wholes"; readonly count: number; readonly least: bigint; readonly most: bigint }
  | { readonly kind: "percentiles" }
  /** A host name of at most 255 characters, or an empty text. */
  | { readonly kind: "host-name" }
  /** Anything, in so many words. */
  | { readonly kind: "text"; readonly least: number; readonly most: number };

/** What is wrong with a value: what it must be, as the end of "must be …", and the word that was meant where it was one of several. */
export interface ValueFault {
  readonly must: string;
  readonly choices: readonly string[];
}

export type ValueKinds = ReadonlyMap<string, ValueKind>;

export const INT_MAX = 2n ** 31n - 1n;
const LONG_MAX = 2n ** 63n - 1n;

export const oneOf = (...choices: readonly string[]): ValueKind => ({ kind: "one-of", words: choices });
export const yesNo = oneOf("yes", "no");
export const whole = (least: number, most: number | bigint = INT_MAX): ValueKind => ({
  kind: "whole",
  least: BigInt(least),
  most: BigInt(most),
});
export const long = (least = 0): ValueKind => whole(least, LONG_MAX);
export const memory = (least = 0, most = Number.POSITIVE_INFINITY): ValueKind => ({ kind: "memory", least, most, percent: false });
/** So many words, whatever they are. */
export const text = (least = 1, most = least): ValueKind => ({ kind: "text", least, most });

/** Kinds by directive. */
export function kinds(rows: readonly (readonly [kind: ValueKind, names: string])[]): ValueKinds {
  return new Map(rows.flatMap(([kind, names]) => names.split(/\s+/).flatMap((name) => (name === "" ? [] : [[name, kind] as const]))));
}

/** Those of the line before under the names that the next one gave them, with what it brought or changed. @param aliases old names → new names @param dropped names that it has no longer */
export function kindsAfter(
  before: ValueKinds,
  aliases: Readonly<Record<string, string>>,
  brought: ValueKinds,
  ...dropped: readonly string[]
): ValueKinds {
  const kept = [...before].filter(([name]) => !dropped.includes(name)).map(([name, kind]) => [aliases[name] ?? name, kind] as const);
  return new Map([...kept, ...brought]);
}

/** What is wrong with the words behind a directive; undefined when Redis takes them. */
export function valueFault(kind: ValueKind, words: readonly string[]): ValueFault | undefined {
  const wrong = (fine: boolean, must: string, choices: readonly string[] = []) => (fine ? undefined : { must, choices });
  const [first = ""] = words;
  const alone = words.length === 1;
  switch (kind.kind) {
    case "one-of":
      return wrong(alone && kind.words.includes(first.toLowerCase()), oneWord(kind.words), kind.words);
    case "some-of": {
      const given = words.map((word) => word.toLowerCase());
      const known = given.length > 0 && given.every((word) => kind.words.includes(word));
      if (known && kind.apart.every((word) => given.includes(word)))
        return { must: `only one of ${kind.apart.join(" and ")}`, choices: [] };
      return wrong(known, `one or more of ${kind.words.join(", ")}`, kind.words);
    }
    case "whole":
      return wrong(alone && isWhole(first, kind), wholeText(kind));
    case "memory":
      return wrong(alone && isMemory(first, kind), memoryText(kind));
    case "mode":
      return wrong(alone && /^[0-7]+$/.test(first) && Number.parseInt(first, 8) <= 0o777, "access rights in octal digits from 0 to 777");
    case "letters":
      return wrong(alone && [...first].every((letter) => kind.alphabet.includes(letter)), `letters of ${kind.alphabet}, or an empty text`);
    case "save-points": {
      if (alone && first === "") return undefined;
      const pairs = words.length === 2 || (kind.several && words.length > 0 && words.length % 2 === 0);
      const counts = words.every((word, index) => isWhole(word, { least: index % 2 === 0 ? 1n : 0n, most: INT_MAX }));
      return wrong(
        pairs && counts,
        `"SECONDS CHANGES", for example "900 1"${kind.several ? "" : ", one such text for each save point in a list"}, or ""`,
      );
    }
    case "buffer-limits":
      return wrong(
        isBufferLimits(words, kind),
        `"CLASS HARD SOFT SECONDS" with a class of ${kind.classes.join(", ")}, for example "${kind.classes[0]} 64mb 16mb 60"`,
        kind.classes,
      );
    case "wholes":
      return wrong(
        words.length === kind.count && words.every((word) => isWhole(word, kind)),
        `${kind.count} whole numbers from ${kind.least} to ${kind.most}`,
      );
    case "percentiles":
      return wrong(
        (alone && first === "") || (words.length > 0 && words.every((word) => /^\d+(\.\d+)?$/.test(word) && Number(word) <= 100)),
        'numbers from 0 to 100, for example "50 99 99.9"',
      );
    case "host-name":
      return wrong(alone && /^[A-Za-z0-9.-]{0,255}$/.test(first), "a host name of letters, digits, dots and dashes");
    case "text":
      return wrong(words.length >= kind.least && words.length <= kind.most, wordCount(kind));
    default:
      return kind satisfies never;
  }
}

function oneWord(choices: readonly string[]): string {
  return choices.length === 2 ? choices.join(" or ") : `one of ${choices.join(", ")}`;
}

/** As string2ll of util.c reads it: no sign but a minus, no zeros before it. */
function isWhole(word: string, { least, most }: { readonly least: bigint; readonly most: bigint }): boolean {
  if (!/^(0|-?[1-9]\d{0,19})$/.test(word)) return false;
  const value = BigInt(word);
  return value >= least && value <= most;
}

function wholeText({ least, most }: { readonly least: bigint; readonly most: bigint }): string {
  if (most >= INT_MAX) return least < -1n ? "a whole number" : `a whole number from ${least} on`;
  return `a whole number from ${least} to ${most}`;
}

function isMemory(word: string, { least, most, percent }: Extract<ValueKind, { kind: "memory" }>): boolean {
  if (percent && /^(100|\d{1,2})%$/.test(word)) return true;
  const bytes = memoryBytes(word);
  return bytes !== undefined && bytes >= least && bytes <= most;
}

function memoryText({ least, most, percent }: Extract<ValueKind, { kind: "memory" }>): string {
  const limits = [...(least > 0 ? [`at least ${least} bytes`] : []), ...(Number.isFinite(most) ? [`at most ${most} bytes`] : [])];
  return `an amount of memory${limits.length === 0 ? "" : ` of ${limits.join(" and ")}`}, for example 100mb or 1gb${percent ? ", or a share such as 5%" : ""}`;
}

function isBufferLimits(words: readonly string[], { classes, several }: Extract<ValueKind, { kind: "buffer-limits" }>): boolean {
  if (words.length === 0 || words.length % 4 !== 0 || (words.length > 4 && !several)) return false;
  return words.every((word, index) => {
    if (index % 4 === 0) return classes.includes(word.toLowerCase());
    return index % 4 === 3 ? isWhole(word, { least: 0n, most: INT_MAX }) : memoryBytes(word) !== undefined;
  });
}

function wordCount({ least, most }: Extract<ValueKind, { kind: "text" }>): string {
  if (!Number.isFinite(most)) return least === 1 ? "one word or more" : `${least} words or more`;
  return most === 1 ? "one word; put a text with blanks into quotes of its own: '\"two words\"'" : `${most} words`;
}
