import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { referenceFields, referenceTable } from "../../lib/lab/reference.ts";

test("the reference knows the fields of every form of a layout", () => {
  const paths = referenceFields().map(({ path }) => path);
  expect(paths).toContain("hosts[].address");
  expect(paths).toContain("layout(cluster).masters");
  expect(paths).toContain("layout(sentinel).masters[].quorum");
  expect(paths).toContain("redis.source(release).mirrors");
});

test("every optional field says its default", () => {
  for (const { path, required, description } of referenceFields())
    if (!required) expect(`${path}: ${description}`).toMatch(/Default: |Required unless/);
});

test("the README's reference is the schema's (write it with: npm run reference)", async () => {
  const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
  expect(readme).toContain(referenceTable());
});
