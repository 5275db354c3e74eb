// What a terminal obeys, taken out of what it is to show. Hosts, servers, logs, plan files and states hold what others put there: a sequence in it would set titles, write
// the clipboard, erase lines or answer in the user's name; CR and backspace show another text than the one that is there, and so do the marks of direction (CVE-2021-42574).

const ESCAPE = "\u001b";

/** Attributes that redis-lab sets, each with the one that ends it: those of picocolors that the views use, and those of redis-trib.rb. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  "1": "22",
  "2": "22",
  "7": "27",
  "31": "39",
  "32": "39",
  "33": "39",
  "36": "39",
  "29;1": "0",
  "31;1": "0",
};
const ENDS: ReadonlySet<string> = new Set([...Object.values(ATTRIBUTES), "0"]);

/** All controls of C0 and C1 but line break and tab, the marks of direction, and the line breaks that are none to us. */
const OBEYED = "[^\\P{Cc}\\n\\t]|[\\p{Bidi_Control}\\u2028\\u2029]";
/** The CR of a line that ends as on Windows says nothing. */
const SAYS_NOTHING = "\\r(?=\\n)";
const PLAIN = new RegExp(`${SAYS_NOTHING}|(${OBEYED})`, "gu");
const COLOURED = new RegExp(`${ESCAPE}\\[(${[...Object.keys(ATTRIBUTES), ...ENDS].join("|")})m|${SAYS_NOTHING}|(${OBEYED})`, "gu");
const IN_JSON = new RegExp(OBEYED, "gu");

/** A text that a terminal shows and does not obey: what it would obey is visible, `^[` as `cat -v` has it or `<U+202E>` as `less` has it. Line breaks and tabs stay. */
export function plainText(text: string): string {
  return text.replace(PLAIN, (_whole, obeyed: string | undefined) => visible(obeyed));
}

/** The same, but for the colours that redis-lab itself writes. One that is not ended in the text, and so is none of ours, ends with it. */
export function colouredText(text: string): string {
  const open = new Set<string>();
  const shown = text.replace(COLOURED, (whole, attribute: string | undefined, obeyed: string | undefined) => {
    if (attribute === undefined) return visible(obeyed);
    const end = ATTRIBUTES[attribute];
    if (end !== undefined) open.add(end);
    else if (attribute === "0") open.clear();
    else open.delete(attribute);
    return whole;
  });
  return open.size === 0 ? shown : shown.replace(/\n?$/, (end) => `${ESCAPE}[0m${end}`);
}

/** A document as JSON that every reader understands and no terminal obeys: JSON itself lets DEL, C1 and the marks of direction through. @param indent of each level, in blanks. @default one line */
export function jsonText(document: unknown, indent?: number): string {
  return JSON.stringify(document, null, indent).replace(IN_JSON, (char) => `\\u${hexOf(char).toLowerCase()}`);
}

function visible(char = ""): string {
  if (char === "") return "";
  const code = char.charCodeAt(0);
  if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`;
  return code === 0x7f ? "^?" : `<U+${hexOf(char)}>`;
}

function hexOf(char: string): string {
  return char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
}
