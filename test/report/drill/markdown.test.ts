import { expect, test } from "vitest";
import { formatMarkdown } from "../../../lib/report/drill/markdown.ts";
import { REPORT } from "./reports.ts";

test("a table of all, a section for each, and nothing in it that becomes a part of the page", () => {
  const text = formatMarkdown([REPORT]);
  const lines = text.split("\n");
  expect(lines[2]).toBe(
    "| master-kill | sentinel (sentinel) | 7.0.15 | failed | 1992 | 3 | 297 | 0 | 3.37 s | 3.38 s | 1.13 | 13 ms | 1.10 s | 20 ms |",
  );
  expect(lines).toContain("## master-kill on sentinel: failed");
  expect(text).toContain("\\<load:\\{a\\}:0:101\\> & ");
  expect(text).toContain("others\\|more");
  for (const row of lines.filter((line) => line.startsWith("|")))
    expect([4, 15]).toContain(row.replaceAll("\\|", "").split("|").length - 1);
});
