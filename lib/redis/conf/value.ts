/** Everything that means itself outside quotes; a leading `#` would make a comment of a line's first word, so it is not among them. */
const PLAIN = /^[A-Za-z0-9_@%+=:,./*~&<>^|!?$()[\]{};-]+$/;
const ESCAPED: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  '"': '\\"',
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\x07": "\\a",
  "\b": "\\b",
};

export type DirectiveArgument = string | number | boolean;

/** One argument of a directive as redis.conf needs it: plain where that is safe, else quoted as Redis quotes (sdscatrepr of sds.c). Booleans are `yes` and `no`. */
export function formatArgument(value: DirectiveArgument): string {
  const text = typeof value === "boolean" ? (value ? "yes" : "no") : String(value);
  return PLAIN.test(text) ? text : quoted(Buffer.from(text));
}

/** `NAME ARGUMENT…`, one line without its end. */
export function formatDirective(name: string, args: readonly DirectiveArgument[]): string {
  return [name, ...args.map(formatArgument)].join(" ");
}

/** Bytes as sdscatrepr writes them: in double quotes, everything that is not printable ASCII escaped. */
export function quoted(bytes: Buffer): string {
  const body = Array.from(bytes, (byte) => {
    const char = String.fromCharCode(byte);
    if (ESCAPED[char] !== undefined) return ESCAPED[char];
    return byte >= 0x20 && byte < 0x7f ? char : `\\x${byte.toString(16).padStart(2, "0")}`;
  });
  return `"${body.join("")}"`;
}
