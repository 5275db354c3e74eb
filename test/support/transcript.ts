import { readFileSync, writeFileSync } from "node:fs";

/** One case of a transcript: what is given, and what comes out. */
export interface TranscriptCase {
  readonly title: string;
  readonly given: readonly string[];
  readonly expected: string;
}

const LINE = "----";

/**
 * Reads a transcript: cases with a title (`# …`), what is given, a line `----`, and what comes out, up to an empty line. With UPDATE_GOLDEN=1 what came out is written into the file:
 * read the difference before you commit it.
 */
export class Transcript {
  readonly #file: string;
  readonly #head: string;
  readonly cases: readonly TranscriptCase[];
  readonly #seen = new Map<string, string>();

  constructor(url: URL) {
    this.#file = url.pathname;
    const [head = "", ...blocks] = readFileSync(url, "utf8").split(/\n(?=# )/);
    this.#head = head;
    this.cases = blocks.map((block) => {
      const [title = "", ...lines] = block.trimEnd().split("\n");
      const at = lines.indexOf(LINE);
      if (at < 0) throw new Error(`${this.#file}: no ${LINE} below "${title}"`);
      return { title: title.slice(2), given: lines.slice(0, at), expected: lines.slice(at + 1).join("\n") };
    });
  }

  /** What to expect of a case; under UPDATE_GOLDEN what came out. */
  expected(each: TranscriptCase, actual: string): string {
    this.#seen.set(each.title, actual);
    return process.env["UPDATE_GOLDEN"] === "1" ? actual : each.expected;
  }

  /** After the last case. */
  save(): void {
    if (process.env["UPDATE_GOLDEN"] !== "1") return;
    const blocks = this.cases.map(({ title, given, expected }) =>
      [`# ${title}`, ...given, LINE, this.#seen.get(title) ?? expected].join("\n"),
    );
    writeFileSync(this.#file, `${[this.#head.trimEnd(), ...blocks].join("\n\n")}\n`);
  }
}
