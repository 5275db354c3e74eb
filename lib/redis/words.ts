import { unknownVersion } from "./errors.ts";
import { redis40 } from "./words/4.0.ts";
import { redis50 } from "./words/5.0.ts";
import { redis62 } from "./words/6.2.ts";
import { redis70 } from "./words/7.0.ts";
import { redis72 } from "./words/7.2.ts";
import { redis74 } from "./words/7.4.ts";
import type { LineWords, SentinelWords } from "./words/line.ts";

/** The words of one Redis version. Names are taken in any case, as Redis takes them. */
export interface RedisWords {
  /** For example `4.0`. */
  readonly line: string;
  /** Whether redis-lab's tests run against a real server of this line. */
  readonly verified: boolean;
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
  /** Version of the format of its snapshots: a server reads its own and older ones. */
  readonly rdbVersion: number;
  readonly supervisedNeedsLibsystemd: boolean;
  /** Arguments of make without which the line does not build with today's compilers. */
  readonly makeFlags: readonly string[];
  readonly withoutSave: LineWords["withoutSave"];
  readonly rewritesDefaultUser: boolean;
  readonly sentinel: SentinelWords;
}

// The one table in which Redis versions differ. A line that the tests can't run against says `verified: false`.
const LINES: Readonly<Record<string, LineWords>> = {
  "4.0": redis40,
  "5.0": redis50,
  "6.2": redis62,
  "7.0": redis70,
  "7.2": redis72,
  "7.4": redis74,
};

/** Lines that redis-lab knows, oldest first. */
export const REDIS_LINES: readonly string[] = Object.keys(LINES);

/** Every pair of names that means the same in some line, so that a line with only one of them can be asked for it by the other. */
const SYNONYMS: readonly (readonly [string, string])[] = Object.values(LINES).flatMap(({ aliases }) => Object.entries(aliases));

const known = new Map<string, RedisWords>();

/**
 * The words of a version such as `4.0.14`.
 *
 * @throws LabError `redis.unknown-version` for a line that is not in the table
 */
export function wordsOf(version: string): RedisWords {
  const line = version.split(".").slice(0, 2).join(".");
  const data = LINES[line];
  if (data === undefined) throw unknownVersion(version, REDIS_LINES);
  const made = known.get(line) ?? makeWords(data);
  known.set(line, made);
  return made;
}

function makeWords(data: LineWords): RedisWords {
  const canonical = (name: string) => {
    const lower = name.toLowerCase();
    return data.aliases[lower] ?? lower;
  };
  const has = (name: string) => {
    const own = canonical(name);
    return data.settable.has(own) || data.fixed.has(own) || data.tls.has(own) || (data.moduleSettings && /^[^.]+\.[^.]+$/.test(own));
  };
  return {
    line: data.line,
    verified: data.verified,
    names: [...data.settable, ...data.fixed, ...data.tls, ...Object.keys(data.aliases)].sort(),
    has,
    settable: (name) => data.settable.has(canonical(name)) || data.tls.has(canonical(name)),
    repeatable: (name) => data.repeatable.has(canonical(name)),
    instead(name) {
      const lower = name.toLowerCase();
      if (has(lower)) return undefined;
      return SYNONYMS.flatMap(([a, b]) => (a === lower ? [b] : b === lower ? [a] : [])).find(has);
    },
    canonical,
    needs: (name) => (data.tls.has(canonical(name)) ? "BUILD_TLS=yes" : undefined),
    rdbVersion: data.rdbVersion,
    supervisedNeedsLibsystemd: data.supervisedNeedsLibsystemd,
    makeFlags: data.makeFlags,
    withoutSave: data.withoutSave,
    rewritesDefaultUser: data.rewritesDefaultUser,
    sentinel: data.sentinel,
  };
}
