import type { TypedReply } from "../redis/types.ts";

// How Ruby shows values, as far as redis-trib.rb shows any.

/** A Float: `3.0`, `0.5`. */
export function rubyFloat(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

/** A reply as `puts "#{reply}"` shows it: text as it is, arrays as they are inspected, nil as nothing. */
export function rubyText(reply: TypedReply): string {
  switch (reply.type) {
    case "array":
      return reply.value === null ? "" : inspect(reply);
    case "bulk":
      return reply.value === null ? "" : reply.value.toString();
    default:
      return String(reply.value);
  }
}

function inspect(reply: TypedReply): string {
  switch (reply.type) {
    case "array":
      return reply.value === null ? "nil" : `[${reply.value.map(inspect).join(", ")}]`;
    case "bulk":
      return reply.value === null ? "nil" : quoted(reply.value);
    case "integer":
      return String(reply.value);
    case "status":
      return quoted(Buffer.from(reply.value));
    case "error":
      return `#<RuntimeError: ${reply.value}>`;
    default:
      return reply satisfies never;
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\u0007": "\\a",
  "\b": "\\b",
  "\u000b": "\\v",
  "\f": "\\f",
  "\u001b": "\\e",
};

/** String#inspect: text that is not UTF-8 byte by byte, `#` before what would interpolate. */
function quoted(bytes: Buffer): string {
  const text = bytes.toString();
  const whole = Buffer.from(text).equals(bytes);
  const shown = [...(whole ? text : bytes.toString("latin1"))].map((char, index, all) => {
    const code = char.codePointAt(0) ?? 0;
    if (char === "#" && /[{$@]/.test(all[index + 1] ?? "")) return "\\#";
    if (ESCAPES[char] !== undefined) return ESCAPES[char];
    if (code < 0x20 || code === 0x7f || (!whole && code > 0x7f)) return `\\x${code.toString(16).toUpperCase().padStart(2, "0")}`;
    return char;
  });
  return `"${shown.join("")}"`;
}
