import { unknownVersion } from "./errors.ts";
import { PRODUCTS } from "./products.ts";
import { splitWords } from "./split.ts";
import type { Version } from "./version.ts";
import type { LineFacts, LineWords, SentinelWords } from "./words/line.ts";
import { type ValueFault, type ValueKind, valueFault } from "./words/value-kinds.ts";

const OF_THE_TABLE: unique symbol = Symbol("a line of the table");

/** The words of one line of a product, and what it does otherwise than others. Made from the tables of lines alone. Names are taken in any case, as Redis takes them. */
export interface ProductLine extends LineFacts {
  readonly [OF_THE_TABLE]: true;
  /** For example `4.0`. */
  readonly line: string;
  /** Every directive of redis.conf, second names and TLS ones included. */
  readonly names: readonly string[];
  /** Whether redis.conf of this version takes the directive. */
  has(name: string): boolean;
  /** Whether CONFIG SET takes it without a restart. */
  settable(name: string): boolean;
  /** Whether several lines of it add up. Of all others the last line wins. */
  repeatable(name: string): boolean;
  /** The name that this version has for a directive of another version: `replica-priority` → `slave-priority` in 4.0. Undefined when it has the name itself, or none. */
  instead(name: string): string | undefined;
  /** The name under which this version writes the directive: `slave-priority` → `replica-priority` from 5.0 on. A name that it does not know comes back in lower case. */
  canonical(name: string): string;
  /** The make flag without which the directive is fatal, for example `BUILD_TLS=yes`. */
  needs(name: string): string | undefined;
  /** What may stand behind a directive; undefined for one that it does not know, or whose value only a module knows. */
  kindOf(name: string): ValueKind | undefined;
  /** What is wrong with a value, which is given as it stands in redis.conf behind the name; undefined when it is taken. */
  valueFault(name: string, value: string): ValueFault | undefined;
  readonly sentinel: SentinelWords;
}

const ALL_LINES: readonly LineWords[] = Object.values(PRODUCTS).flatMap(({ lines }) => Object.values(lines));

/** Every pair of names that means the same in some line, so that a line with only one of them can be asked for it by the other. */
const SYNONYMS: readonly (readonly [string, string])[] = ALL_LINES.flatMap(({ aliases }) => Object.entries(aliases));

const made = new Map<LineWords, ProductLine>();

/**
 * The words of a version such as `4.0.14` of Redis.
 *
 * @throws LabError `redis.unknown-version` for a line that is not in the table
 */
export function wordsOf(version: Version): ProductLine {
  const words = wordsIfKnown(version);
  if (words === undefined) throw unknownVersion(version);
  return words;
}

/** The words of a version; undefined for a line that is not in the table. */
export function wordsIfKnown({ product, text }: Version): ProductLine | undefined {
  const line = text.split(".").slice(0, 2).join(".");
  const data = product.lines[line];
  if (data === undefined) return undefined;
  const words = made.get(data) ?? makeLine(line, data);
  made.set(data, words);
  return words;
}

/** Version of the format of the snapshots of a version; undefined for one that redis-lab does not know. */
export function rdbVersionOf(version: Version): number | undefined {
  return wordsIfKnown(version)?.rdbVersion;
}

/** Whether several lines of a directive add up in any version: for files of a version that is not known. `name` in lower case. */
export function repeatableAnywhere(name: string): boolean {
  return ALL_LINES.some(({ repeatable }) => repeatable.has(name));
}

/** Whether `sentinel WORD` stands without a master's name in any version. */
export function sentinelWordAnywhere(word: string): boolean {
  return ALL_LINES.some(({ sentinel }) => sentinel.global.has(word));
}

function makeLine(line: string, data: LineWords): ProductLine {
  const { settable, fixed, repeatable, aliases, tls, values, ...facts } = data;
  const canonical = (name: string) => {
    const lower = name.toLowerCase();
    return aliases[lower] ?? lower;
  };
  const has = (name: string) => {
    const own = canonical(name);
    return settable.has(own) || fixed.has(own) || tls.has(own) || (facts.moduleSettings && /^[^.]+\.[^.]+$/.test(own));
  };
  return {
    ...facts,
    [OF_THE_TABLE]: true,
    line,
    names: [...settable, ...fixed, ...tls, ...Object.keys(aliases)].sort(),
    has,
    settable: (name) => settable.has(canonical(name)) || tls.has(canonical(name)),
    repeatable: (name) => repeatable.has(canonical(name)),
    instead(name) {
      const lower = name.toLowerCase();
      if (has(lower)) return undefined;
      return SYNONYMS.flatMap(([a, b]) => (a === lower ? [b] : b === lower ? [a] : [])).find(has);
    },
    canonical,
    kindOf: (name) => values.get(canonical(name)),
    valueFault(name, value) {
      const kind = values.get(canonical(name));
      const given = splitWords(value);
      if (given === undefined) return { must: "a value whose quotes are closed, each followed by a blank or the end", choices: [] };
      // A line without a value is written with an empty one.
      return kind === undefined ? undefined : valueFault(kind, given.length === 0 ? [""] : given);
    },
    needs: (name) => (tls.has(canonical(name)) ? "BUILD_TLS=yes" : undefined),
  };
}
