import { type ProductLine, sentinelWordAnywhere } from "../words.ts";
import { absentValue, bufferClass, normalValue } from "./compare.ts";
import type { Document } from "./edit.ts";
import type { ConfDirective } from "./line.ts";
import { formatArgument } from "./value.ts";

/** How one kind of file names and compares its directives. */
export interface Scheme {
  /** Undefined for lines that carry no directive of this kind. */
  keyOf(line: ConfDirective): { readonly name: string; readonly key: string };
  /** Belongs to Redis once the file exists. */
  isState(name: string): boolean;
  valueOf(name: string, lines: readonly ConfDirective[]): string;
  /** What no line at all means; undefined where only a line says it. */
  absent(name: string, key: string): string | undefined;
  /** The lines to write, given those that are there. */
  adopt(name: string, wanted: readonly ConfDirective[], live: readonly ConfDirective[]): readonly string[];
  /** The line after which a new entry goes; undefined: before CONFIG REWRITE's tail, else at the end. */
  anchor(key: string, document: Document): ConfDirective | undefined;
}

/** Lines that add up one by one, distinguished by their first argument. `save` adds up too, but as a whole. */
const KEYED = new Set(["rename-command", "user", "loadmodule", "include", "client-output-buffer-limit"]);

export function redisScheme(words: ProductLine): Scheme {
  return {
    keyOf({ name: written, args }) {
      const name = words.canonical(written);
      if (!KEYED.has(name)) return { name, key: name };
      const [first = ""] = args;
      const part =
        name === "client-output-buffer-limit"
          ? bufferClass(first.split(/\s/)[0] ?? "")
          : name === "rename-command"
            ? first.toLowerCase()
            : first;
      return { name, key: `${name} ${part}` };
    },
    isState: (name) => name === "replicaof" || name === "slaveof",
    valueOf: (name, lines) =>
      normalValue(
        name,
        lines.map(({ args }) => args),
      ),
    absent: (name, key) => absentValue(name, key, words.withoutSave),
    adopt: (name, wanted) => (name === "save" ? wanted : wanted.slice(-1)).map(bare),
    anchor: () => undefined,
  };
}

function bare({ raw }: ConfDirective): string {
  return raw.trim();
}

export function sentinelScheme(words: ProductLine): Scheme {
  const { sentinel } = words;
  const redis = redisScheme(words);
  // A file of a newer version may have words that this one lacks: what stands behind them is a value, and may be a password.
  const isGlobal = (word: string) => sentinel.global.has(word) || sentinelWordAnywhere(word);
  return {
    ...redis,
    keyOf(line) {
      if (line.name !== "sentinel") return redis.keyOf(line);
      const word = sentinelWord(line);
      const name = isGlobal(word) ? `sentinel ${word}` : `sentinel ${[word, ...line.args.slice(1, 2)].join(" ")}`;
      const parts = word === "rename-command" ? line.args.slice(2, 3) : word.startsWith("known-") ? line.args.slice(2, 4) : [];
      return { name, key: [name, ...parts].join(" ") };
    },
    isState: (name) => redis.isState(name) || sentinel.state.has(name.split(" ")[1] ?? ""),
    valueOf(name, lines) {
      if (!name.startsWith("sentinel ")) return redis.valueOf(name, lines);
      const args = lines.at(-1)?.args ?? [];
      // Of `monitor NAME ADDRESS PORT QUORUM` only the quorum is ours.
      return isMonitor(name)
        ? String(Number(args[4]))
        : normalValue(name, [args.slice(sentinel.perMaster.has(args[0]?.toLowerCase() ?? "") ? 2 : 1)]);
    },
    absent(name, key) {
      if (!name.startsWith("sentinel ")) return redis.absent(name, key);
      const value = sentinel.defaults[name.split(" ")[1] ?? ""];
      return value === undefined ? undefined : normalValue(name, [[value]]);
    },
    adopt(name, wanted, live) {
      const now = live.at(-1)?.args;
      const quorum = wanted.at(-1)?.args[4];
      if (!isMonitor(name) || now === undefined || quorum === undefined) return redis.adopt(name, wanted, live);
      return [["sentinel", ...now.slice(0, 4), quorum].map((word) => formatArgument(word)).join(" ")];
    },
    // Up to 6.0 Sentinel reads line by line: a master's options must come after its `monitor`.
    anchor(key, { directives }) {
      const [of, word, master] = key.split(" ");
      if (of !== "sentinel" || word === undefined || isGlobal(word)) return undefined;
      return directives.filter((line) => line.name === "sentinel" && line.args[1] === master && !isGlobal(sentinelWord(line))).at(-1);
    },
  };
}

function isMonitor(name: string): boolean {
  return name.startsWith("sentinel monitor ");
}

/** The word after `sentinel`, in lower case. */
export function sentinelWord({ args }: ConfDirective): string {
  return args[0]?.toLowerCase() ?? "";
}
