import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { jsonSchemas } from "../../scripts/json-schemas.ts";
import { SCHEMAS, schemaFile } from "../../scripts/schema-files.ts";
import { assertDocuments, JSON_VERBS, schemaFaults } from "../support/documents.ts";

// The documents of `--json`. What the verbs really print is held to the schemas wherever a test runs the command line (test/support/project.ts).

test("there is a schema for every verb with --json, for errors, and for nothing else", async () => {
  expect((await readdir(SCHEMAS)).sort()).toEqual([...JSON_VERBS, "error"].map(schemaFile).sort());
});

test("the schemas are those of the types (write them with: npm run reference)", async () => {
  const made = await jsonSchemas();
  expect([...made.keys()].sort()).toEqual((await readdir(SCHEMAS)).sort());
  for (const [name, schema] of made) expect(await readFile(new URL(name, SCHEMAS), "utf8"), name).toBe(schema);
});

const STATUS = {
  format: 1,
  lab: "small",
  target: "local",
  layout: "replication",
  declaredVersion: "7.2.4",
  healthy: true,
  rows: [],
  findings: [{ code: "any", severity: "note", text: "A sentence." }],
};

test("a schema takes what its verb prints, and says where another document differs", () => {
  expect(schemaFaults(STATUS, "status")).toEqual([]);
  expect(schemaFaults({ ...STATUS, more: 1 }, "status")).toEqual(['/ must NOT have additional properties {"additionalProperty":"more"}']);
  expect(schemaFaults({ ...STATUS, findings: [{ ...STATUS.findings[0], severity: "bad" }] }, "status")).toEqual([
    '/findings/0/severity must be equal to one of the allowed values {"allowedValues":["refuses","problem","note"]}',
  ]);
  expect(schemaFaults({ ...STATUS, format: 2 }, "status")[0]).toMatch(/^\/format must be equal to constant/);
});

test("a run under --json is held to the schema of its verb, or to that of errors", () => {
  const text = JSON.stringify(STATUS);
  const error = JSON.stringify({ format: 1, error: { code: "cli.wrong-use", kind: "usage", what: "It is wrong.", next: "Do it right." } });
  const ran =
    (words: string, stdout: string, code: number | null = 0) =>
    () =>
      assertDocuments(words.split(" "), { code, stdout });
  expect(ran("status small --json", text)).not.toThrow();
  expect(ran("status small --json --watch 1", `${text}\n${text}\n`)).not.toThrow();
  expect(ran("status small --json", error, 64)).not.toThrow();
  expect(ran("frob --json", error, 64)).not.toThrow();
  expect(ran("status small --json", "", null)).not.toThrow();
  expect(ran("ssh small redis-11 cat --json", "no document")).not.toThrow();
  expect(ran("exec small -- cat --json", "no document")).not.toThrow();
  expect(ran("plan small --json", text)).toThrow(/redis-lab plan small --json [\s\S]*\n\/ must have required property 'kind'/);
  expect(ran("cluster check small --json", text)).toThrow(/must have required property 'nodes'/);
  expect(ran("status small --json", error)).toThrow(/must have required property/);
  expect(ran("status small --json", "healthy")).toThrow(/it is not JSON/);
  expect(ran("frob --json", text)).toThrow(/of no verb/);
});
