import pc from "picocolors";

/**
 * Colours of results and of progress. Each stream decides for itself: colours are for a terminal, and a file or a pipe gets plain text, in CI as well (the library
 * would colour there). NO_COLOR and FORCE_COLOR win, as they do elsewhere.
 */
export const colours = pc.createColors(wantsColours(process.stdout));
export const progressColours = pc.createColors(wantsColours(process.stderr));

function wantsColours(stream: { readonly isTTY?: boolean }): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR !== undefined && NO_COLOR !== "") return false;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== "" && FORCE_COLOR !== "0") return true;
  return stream.isTTY === true && TERM !== "dumb";
}
