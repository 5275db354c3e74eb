// Writes the tables of README.md and the schemas in docs/reference/json, which come from the code: `npm run reference`. Tests fail while they are out of date.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { verbReference } from "../lib/cli/verb-reference.ts";
import { referenceTable } from "../lib/lab/reference.ts";
import { checksTable } from "../lib/operations/doctor/checks.ts";
import { jsonSchemas } from "./json-schemas.ts";
import { SCHEMAS } from "./schema-files.ts";

const TABLES = { reference: referenceTable, verbs: verbReference, "doctor checks": checksTable };

const file = new URL("../README.md", import.meta.url);
let text = readFileSync(file, "utf8");
for (const [name, table] of Object.entries(TABLES)) {
  const begin = `<!-- ${name}: begin (written by npm run reference) -->`;
  const end = `<!-- ${name}: end -->`;
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`README.md has no lines "${begin}" and "${end}"`);
  text = `${before}${begin}\n\n${await table()}\n\n${end}${after}`;
}
writeFileSync(file, text);

const schemas = await jsonSchemas();
rmSync(SCHEMAS, { recursive: true, force: true });
mkdirSync(SCHEMAS, { recursive: true });
for (const [name, schema] of schemas) writeFileSync(new URL(name, SCHEMAS), schema);
