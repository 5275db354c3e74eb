import { splitWords } from "../split.ts";

/** One line of redis.conf or sentinel.conf. `raw` is the line with its end, so that all of them joined are the file. */
export type ConfLine =
  | { readonly kind: "blank" | "comment"; readonly raw: string }
  | {
      readonly kind: "directive";
      readonly raw: string;
      /** In lower case, as Redis reads it; `sentinel` for all of Sentinel's own. */
      readonly name: string;
      readonly args: readonly string[];
    }
  /** Redis can't read it and would not start: quotes that are not balanced. */
  | { readonly kind: "broken"; readonly raw: string };

export type ConfDirective = Extract<ConfLine, { kind: "directive" }>;

/** Reads a file as Redis does (loadServerConfigFromString in config.c): lines are trimmed, `#` starts a comment at the start of a line only. */
export function parseConf(text: string): ConfLine[] {
  return (text.match(/[^\n]*\n|[^\n]+$/g) ?? []).map((raw) => {
    const line = raw.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
    if (line === "") return { kind: "blank", raw };
    if (line.startsWith("#")) return { kind: "comment", raw };
    const [name, ...args] = splitWords(line) ?? [];
    return name === undefined ? { kind: "broken", raw } : { kind: "directive", raw, name: name.toLowerCase(), args };
  });
}

export function isDirective(line: ConfLine): line is ConfDirective {
  return line.kind === "directive";
}
