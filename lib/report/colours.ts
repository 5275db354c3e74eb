import pc from "picocolors";
import { wantsColours } from "./print.ts";

/** Colours of results and of progress. Each stream decides for itself. */
export const colours = pc.createColors(wantsColours(process.stdout));
export const progressColours = pc.createColors(wantsColours(process.stderr));
