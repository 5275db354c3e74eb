import { nulInShellWord } from "./errors.ts";

/** A piece of shell that is put into a script as it is. Make one with `raw`, and only from text that is in the source code. */
export interface RawShell {
  readonly rawShell: string;
}

export type ShellWord = string | number | RawShell;
/** What may stand in `sh\`…\``: a word, or a list of words. */
export type ShellValue = ShellWord | readonly ShellWord[];

/** Marks trusted shell: a fragment made by another `sh\`…\`` or written in the source. Never for a value that comes from a lab, a host or a user. */
export function raw(fragment: string): RawShell {
  return { rawShell: fragment };
}

/**
 * One value as one word of POSIX sh: in single quotes, in which nothing has a meaning (XCU 2.2.2); a single quote becomes `'\''`. A list becomes its words with
 * spaces between, an empty list nothing at all.
 *
 * @throws LabError `connection.nul` for a NUL character, which no argument can hold
 * @throws RangeError for NaN and infinities
 */
export function shellQuote(value: ShellValue): string {
  if (typeof value === "string") {
    if (value.includes("\0")) throw nulInShellWord();
    return `'${value.replaceAll("'", `'\\''`)}'`;
  }
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new RangeError(`${value} is not a number for a shell script`);
    return String(value);
  }
  if ("rawShell" in value) return value.rawShell;
  return value.map(shellQuote).join(" ");
}

/**
 * A shell script with every value quoted: `sh\`rm -f -- ${path}\``. The text between the values is taken with JavaScript's escapes (`\\n` for a backslash and
 * an n; a `${` of the shell is written `\${`).
 *
 * A value must stand outside quotes: in `"${path}"` the added quotes would be plain characters and `$(…)` in the path would be executed. Such a template is refused.
 *
 * @throws TypeError for a value inside quotes or in a comment
 */
export function sh(strings: TemplateStringsArray, ...values: readonly ShellValue[]): string {
  const scan = new QuoteScanner();
  let script = "";
  strings.forEach((text, index) => {
    if (text === undefined) throw new TypeError("sh`…` holds an escape that JavaScript does not know; write \\\\ for a backslash");
    script += text;
    scan.read(text);
    if (index >= values.length) return;
    const place = scan.place();
    if (place !== "plain") {
      throw new TypeError(
        `sh\`…\`: value ${index + 1} stands in ${place}, after ${JSON.stringify(text.slice(-40))}; it brings its own quotes`,
      );
    }
    const word = shellQuote(values[index] as ShellValue);
    script += word;
    scan.word();
  });
  return script;
}

type Context = "plain" | "single quotes" | "double quotes" | "a comment";

/** Follows quotes, comments and `$(…)` through the fixed text of a template; here-documents are read as plain text. */
class QuoteScanner {
  private readonly stack: Context[] = ["plain"];
  private previous = "\n";
  private escaped = false;

  place(): Context {
    return this.stack.at(-1) ?? "plain";
  }

  /** A value was put in: what follows continues a word. */
  word(): void {
    this.previous = "x";
    this.escaped = false;
  }

  read(text: string): void {
    for (const char of text) {
      const literal = this.escaped;
      this.step(char);
      this.previous = literal ? "x" : char;
    }
  }

  private step(char: string): void {
    const place = this.place();
    if (place === "single quotes") {
      if (char === "'") this.stack.pop();
    } else if (place === "a comment") {
      if (char === "\n") this.stack.pop();
    } else if (this.escaped) {
      this.escaped = false;
    } else if (char === "\\") {
      this.escaped = true;
    } else if (char === '"') {
      if (place === "double quotes") this.stack.pop();
      else this.stack.push("double quotes");
    } else if (char === "(" && (this.previous === "$" || (place === "plain" && this.stack.length > 1))) {
      this.stack.push("plain");
    } else if (place === "plain") {
      if (char === "'") this.stack.push("single quotes");
      else if (char === ")" && this.stack.length > 1) this.stack.pop();
      else if (char === "#" && /[\s;&|(]/.test(this.previous)) this.stack.push("a comment");
    }
  }
}
