import { DOMParser } from "@xmldom/xmldom";
import { expect, test } from "vitest";
import { formatJunit } from "../../../lib/report/drill/junit.ts";
import { REPORT } from "./reports.ts";

test("a parser of XML reads it, with what servers and keys say in it as text", () => {
  const passed = { ...REPORT, lab: 'a "lab"', verdict: { ...REPORT.verdict, outcome: "passed", reasons: [] } } as const;
  const interrupted = {
    ...REPORT,
    verdict: { ...REPORT.verdict, outcome: "interrupted", reasons: ["the run did not come to its end"] },
  } as const;
  const document = new DOMParser({
    onError: (_level, message) => {
      throw new Error(message);
    },
  }).parseFromString(formatJunit([REPORT, passed, interrupted]), "text/xml");
  const [suite, other] = [...document.getElementsByTagName("testsuite")];
  expect([suite?.getAttribute("tests"), suite?.getAttribute("failures"), suite?.getAttribute("skipped")]).toEqual(["2", "1", "1"]);
  expect(other?.getAttribute("name")).toBe('a "lab"');
  const [failure] = [...document.getElementsByTagName("failure")];
  expect(failure?.textContent).toContain("<load:{a}:0:101> & ?others");
});
