import { stripVTControlCharacters } from "node:util";

/** Lines that are too long for a screen, broken at blanks; what follows stands as far to the right as the text of the line does. Colours may span words; a command in backticks stays whole, so that it can be copied. @param width undefined where nothing is broken: not on a terminal, or on one that does not know its size */
export function wrapLines(text: string, width: number | undefined): string {
  if (width === undefined) return text;
  return text
    .split("\n")
    .flatMap((line) => wrapLine(line, width))
    .join("\n");
}

/** A word or a command, with the blanks before it. */
const WORD = /\s*(?:`[^`]*`|\S)+/g;

/**
 * A word of a shell beside those in backticks: an option, a pipe, a redirection, the name of a program. Such a line is left to the terminal, which wraps what it shows and copies it as one line: broken
 * in two, `rm --recursive` would be another command.
 */
const COMMAND = /(?:^|\s)(?:-[a-zA-Z-]+|[|>]|&&|(?:sudo|virsh|ssh|ssh-keygen|redis-lab|terraform|npx|npm|rm|ip|systemctl|chmod|chown) \S)/;

function wrapLine(line: string, width: number): readonly string[] {
  const plain = stripVTControlCharacters(line);
  if (plain.length <= width || COMMAND.test(plain.replace(/`[^`]*`/g, ""))) return [line];
  const indent = " ".repeat(Math.min(indentOf(plain), Math.floor(width / 2)));
  const lines: string[] = [];
  let current = "";
  for (const word of line.match(WORD) ?? []) {
    const longer = stripVTControlCharacters(current + word).length > width;
    if (longer && current.trim() !== "") {
      lines.push(current);
      current = indent + word.trimStart();
    } else current += word;
  }
  return [...lines, current];
}

/** `problem  text` and `   text`: where the text begins. */
function indentOf(line: string): number {
  return /^(?:\S+ {2,}| +)/.exec(line)?.[0].length ?? 0;
}
