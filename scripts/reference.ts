// Writes the configuration reference of README.md from the schema: `npm run reference`. test/lab/reference.test.ts fails while it is out of date.
import { readFileSync, writeFileSync } from "node:fs";
import { referenceTable } from "../lib/lab/reference.ts";

const BEGIN = "<!-- reference: begin (written by npm run reference) -->";
const END = "<!-- reference: end -->";

const file = new URL("../README.md", import.meta.url);
const text = readFileSync(file, "utf8");
const [before, rest] = text.split(BEGIN);
const after = rest?.split(END)[1];
if (before === undefined || after === undefined) throw new Error(`README.md has no lines "${BEGIN}" and "${END}"`);
writeFileSync(file, `${before}${BEGIN}\n\n${referenceTable()}\n\n${END}${after}`);
