import type { SettingValue } from "../lab/schema.ts";
import { type DirectiveArgument, formatArgument, formatDirective } from "../redis/conf/value.ts";
import { splitWords } from "../redis/split.ts";
import { unreadableValue } from "./errors.ts";
import { refuseLineBreaks } from "./template.ts";

/** A directive with its lines, each ready for the file. */
export interface Directive {
  readonly name: string;
  readonly lines: readonly string[];
}

/** A directive of our own; each argument becomes one word, quoted where it must be. */
export function directive(name: string, ...args: readonly DirectiveArgument[]): Directive {
  return repeatedDirective(name, [args]);
}

/** A directive of our own that stands several times. */
export function repeatedDirective(name: string, values: readonly (readonly DirectiveArgument[])[]): Directive {
  // Before formatting, which would turn a line break into a harmless but meaningless `\n`.
  refuseLineBreaks("redis.conf", values, name);
  return { name, lines: values.map((args) => formatDirective(name, args)) };
}

/**
 * A directive as a lab declares it: a text is what stands after the name, in Redis's own notation (`"5 1"` is two words), a list is several lines. It is kept
 * byte for byte.
 *
 * @throws LabError `render.unreadable-value` when Redis could not read the line
 */
export function declaredDirective(name: string, value: SettingValue): Directive {
  const items = typeof value === "object" ? value : [value];
  return { name, lines: items.map((item) => `${name} ${declaredText(name, item)}`) };
}

function declaredText(name: string, item: string | number | boolean): string {
  if (typeof item !== "string") return formatArgument(item);
  const words = splitWords(item);
  if (words === undefined) throw unreadableValue(name, item);
  return words.length === 0 ? '""' : item.trim();
}
