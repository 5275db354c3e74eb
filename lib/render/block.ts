import { brokenBlock } from "./errors.ts";

/** The lines around what a lab manages in a file that others edit too. */
export function blockMarkers(lab: string): { readonly begin: string; readonly end: string } {
  return { begin: `# BEGIN redis-lab ${lab}`, end: `# END redis-lab ${lab}` };
}

/** A body with the markers of its lab; what a `RenderedFile` of kind `block` holds, after an optional shebang. */
export function wrapBlock(lab: string, body: string): string {
  const { begin, end } = blockMarkers(lab);
  return `${begin}\n${body.replace(/\n*$/, "\n")}${end}\n`;
}

/**
 * The text with the block in it: in place of the one that is there, else at the end; in a script after the shebang, because an `exit 0` may stand at the end.
 * All other lines are kept as they are; merging the result again changes nothing. `wanted` is the content of a `RenderedFile` of kind `block`; its shebang is
 * used only when the text has none.
 *
 * @throws LabError `render.broken-block` when a block of the same lab begins and does not end
 */
export function mergeBlock(existing: string | undefined, wanted: string): string {
  const [first = ""] = wanted.split("\n");
  const shebang = first.startsWith("#!") ? first : undefined;
  const block = shebang === undefined ? wanted : wanted.slice(first.length + 1);
  const begin = block.split("\n")[0] ?? "";
  const own = withFinalNewline(existing ?? "");
  const text = shebang !== undefined && !own.startsWith("#!") ? `${shebang}\n${own}` : own;
  const place = findBlock(text, begin);
  if (place !== undefined) return text.slice(0, place.start) + block + withoutBlock(text.slice(place.end), begin);
  if (shebang === undefined) return text + block;
  const afterShebang = text.indexOf("\n") + 1;
  return text.slice(0, afterShebang) + block + text.slice(afterShebang);
}

/** The text without the block of a lab; the text itself, byte for byte, when it has none. */
export function removeBlock(existing: string, lab: string): string {
  return withoutBlock(existing, blockMarkers(lab).begin);
}

/** A block that stands twice (a file that was put together by hand) is removed wherever it is. */
function withoutBlock(text: string, begin: string): string {
  const place = findBlock(text, begin);
  return place === undefined ? text : withoutBlock(text.slice(0, place.start) + text.slice(place.end), begin);
}

function findBlock(text: string, begin: string): { readonly start: number; readonly end: number } | undefined {
  const end = begin.replace("BEGIN", "END");
  const start = `\n${text}`.indexOf(`\n${begin}\n`);
  if (start < 0) return undefined;
  const ending = `${text}\n`.indexOf(`\n${end}\n`, start);
  if (ending < 0) throw brokenBlock(begin, end);
  return { start, end: Math.min(ending + end.length + 2, text.length) };
}

function withFinalNewline(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}
